// An app on a client: answers the server's calls with the same handlers, schemas and errors as a server does. Does not know the socket.
import { mistake } from '../contract/mistake.ts'
import type { Encoded } from '../protocol/encoded.ts'
import { initialCredit } from '../protocol/messages.ts'
import { readCall } from '../protocol/read-calls.ts'
import type { Served, Serving, ServingHost, ServingSettings } from '../protocol/serving.ts'
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
    begin(host) {
      const report = (error: unknown): void => console.error('trunkline: what this client serves has failed:', error)
      const answering: Answering = {
        settings: { types, limits, reauthorize: undefined, authTimeoutMs: usualMs, rateLimit: undefined },
        operations,
        idempotency: new Idempotency(memoryResultStore(), report),
        isDraining: false,
        messageBytes: host.messageBytes,
        // One client, so nothing is shared; and the server knows its own ids.
        broadcast: { sharedStreamNumber: () => undefined, nextStreamNumber: (id) => id },
        gapTold() {},
        report,
      }
      return new ServedCalls(answering, host)
    },
  }
}

class ServedCalls implements Served {
  readonly #calls: OpenCalls

  constructor(answering: Answering, host: ServingHost) {
    const handle: Connection = {
      id: host.name,
      principal: undefined,
      disconnect: () => host.disconnect(),
      client: () => {
        throw mistake('connection.client(router): this is the client; its own calls go through api', 'handlers')
      },
    }
    // What has said its last is off the table when this turn is over.
    const look = (): void => {
      if (this.size === 0) host.emptied()
    }
    const calls = {
      name: host.name,
      handle,
      get isResting() {
        return host.isResting
      },
      yieldTo: (task: () => void) => void setTimeout(task, 0),
      send: (message: Encoded) => {
        host.send(message)
        queueMicrotask(look)
      },
      ride: host.ride.bind(host),
      sendStream: (message: Encoded) => {
        host.sendStream(message)
        queueMicrotask(look)
      },
    }
    this.#calls = new OpenCalls(answering, calls, { timeoutMs: usualMs, credit: initialCredit }, {})
  }

  get size(): number {
    return this.#calls.openCalls + this.#calls.openStreams
  }

  read: Served['read'] = (type, message) => {
    this.#calls.at(performance.now())
    readCall(type, message, this.#calls)
  }

  resumed(): void {
    this.#calls.renewCredit()
    this.#calls.wake()
  }

  wake(): void {
    this.#calls.wake()
  }

  end(): void {
    this.#calls.end()
  }
}
