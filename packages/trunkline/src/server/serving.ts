// An app on a client: answers the server's calls with the same handlers, schemas and errors as a server does. Does not know the socket.
import { mistake } from '../contract/mistake.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { ACK, initialCredit } from '../protocol/messages.ts'
import { readCall } from '../protocol/read-calls.ts'
import {
  isOfServer,
  type Served,
  type Serving,
  type ServingHost,
  type ServingOutbox,
  type ServingSettings,
} from '../protocol/serving.ts'
import type { Answering } from './answering.ts'
import type { App } from './app.ts'
import type { Connection } from './handler.ts'
import { Idempotency, memoryResultStore } from './idempotency.ts'
import { OpenCalls } from './open-calls.ts'
import { compileApp } from './operation.ts'

/** What a server's own deadline is when it states none. */
const usualMs = 30_000

/** Makes an app ready to answer on a client. */
export function serveOnClient(app: App, { types, limits }: ServingSettings): Serving {
  if (app.needsContext)
    throw mistake('createClient({ serve }): its app expects a context, and a client has none to give', 'context')
  const operations = compileApp(app, { validateOutput: true, types })
  return {
    begin: (host, outbox) =>
      new ServedCalls(() => {
        const report = (error: unknown): void => console.error('trunkline: what this client serves has failed:', error)
        const answering: Answering = {
          settings: { types, limits, reauthorize: undefined, authTimeoutMs: usualMs, rateLimit: undefined },
          operations,
          idempotency: new Idempotency(memoryResultStore(), report),
          isDraining: false,
          messageBytes: host.limits.messageBytes,
          // One client, so nothing is shared; and the server knows its own ids.
          broadcast: { sharedStreamNumber: () => undefined, nextStreamNumber: (id) => id },
          gapTold() {},
          report,
        }
        return openCalls(answering, host, outbox)
      }),
  }
}

/** The server, as handlers know it. */
const name = 'server'

function openCalls(answering: Answering, host: ServingHost, outbox: ServingOutbox): OpenCalls {
  const handle: Connection = {
    id: name,
    principal: undefined,
    disconnect: () => host.disconnect(),
    client: () => {
      throw mistake('connection.client(router): this is the client; its own calls go through api', 'handlers')
    },
  }
  // What has said its last is off the table when this turn is over.
  const look = (): void => {
    if (sizeOf(calls) === 0) host.answered()
  }
  const calls = new OpenCalls(
    answering,
    {
      name,
      handle,
      get isResting() {
        return !host.maySend
      },
      // A client has few that ask it.
      hasRoom: () => true,
      yieldTo: (task: () => void) => void setTimeout(task, 0),
      send: (message: Encoded) => {
        outbox.push(message)
        queueMicrotask(look)
      },
      ride: (message: string) => outbox.ride(message),
      sendStream: (message: Encoded) => {
        outbox.pushStream(message)
        queueMicrotask(look)
      },
    },
    { timeoutMs: usualMs, credit: initialCredit },
    {},
  )
  return calls
}

const sizeOf = (calls: OpenCalls): number => calls.openCalls + calls.openStreams

class ServedCalls implements Served {
  readonly #begin: () => OpenCalls
  /** Made with the first call. */
  #calls: OpenCalls | undefined

  constructor(begin: () => OpenCalls) {
    this.#begin = begin
  }

  get size(): number {
    return this.#calls ? sizeOf(this.#calls) : 0
  }

  read: Served['read'] = (type, message) => {
    if (type === ACK || !isOfServer(message[1])) return false
    this.#calls ??= this.#begin()
    this.#calls.at(performance.now())
    readCall(type, message, this.#calls)
    return true
  }

  resumed(): void {
    this.#calls?.renewCredit()
    this.#calls?.wake()
  }

  wake(): void {
    this.#calls?.wake()
  }

  end(): void {
    this.#calls?.end()
    this.#calls = undefined
  }
}
