// Both ends without a network, each fed with frames of a stranger: what gets out of them is counted.
import { createClient, type WebSocketConstructor } from 'trunkline/client'
import { createServer, type ServerSocket } from 'trunkline/server'
import type { Chaos } from 'trunkline/testing'
import { fuzzed } from './fuzz.ts'
import { app, callAll, contract } from './fuzz-app.ts'

export interface FuzzReport {
  readonly messages: number
  /** Ends that a message has closed. */
  readonly closed: number
  /** What the end threw at its socket: none. */
  readonly thrown: readonly string[]
}

/** Feeds a server, each socket until it is closed or has had 20 frames; most of them say an honest hello first. */
export async function fuzzServer(chaos: Chaos, messages: number): Promise<FuzzReport> {
  const defects: string[] = []
  const server = createServer(app, { onError: ({ error }) => defects.push(String(error)) })
  const request = { url: '/', headers: new Headers(), remoteAddress: undefined }
  const thrown: string[] = []
  let closed = 0
  let fed = 0
  for (let index = 0; fed < messages; index++) {
    const socket = new DeafSocket()
    const events = server.accept(socket, request)
    // One in eight is not even polite.
    const session = `honest-session-${index}`.padEnd(22, 'x')
    if (index % 8) events.text(JSON.stringify([0, { session, attempt: 1, features: ['serve'] }]))
    // Who is welcome is so in a later turn.
    await null
    const calls = [...server.connections].map((connection) => callAll(connection.client(contract)))
    await null
    fed += feed(
      chaos,
      {
        is: 'server',
        say: (frame) => (typeof frame === 'string' ? events.text(frame) : events.binary(frame)),
        isClosed: () => socket.isClosed,
      },
      messages - fed,
      thrown,
    )
    if (socket.isClosed) closed++
    events.closed(1006)
    // Its session is not kept: what it was asked ends with it.
    await Promise.all(calls)
  }
  await server.close({ drainMs: 0 })
  return { messages: fed, closed, thrown: [...thrown, ...defects] }
}

class DeafSocket implements ServerSocket {
  readonly bufferedAmount = 0
  isClosed = false
  send(): void {}
  close(): void {
    this.isClosed = true
  }
  terminate(): void {
    this.isClosed = true
  }
  pause(): void {}
  resume(): void {}
}

interface Fed {
  readonly is: 'client' | 'server'
  say(frame: string | Uint8Array): void
  isClosed(): boolean
}

const framesEach = 20

/** Gives frames to an end until it is closed; how many it took. */
function feed(chaos: Chaos, end: Fed, messages: number, thrown: string[]): number {
  let fed = 0
  for (; fed < Math.min(framesEach, messages) && !end.isClosed(); fed++) {
    const frame = fuzzed(chaos, end.is)
    try {
      end.say(frame)
    } catch (error) {
      thrown.push(`${String(error)} at ${String(frame).slice(0, 200)}`)
    }
  }
  return fed
}

/** Feeds clients that have calls of every kind open, and serve. */
export async function fuzzClient(chaos: Chaos, messages: number): Promise<FuzzReport> {
  let made: HostileSocket | undefined
  class HostileSocket {
    onopen: (() => void) | undefined
    onmessage: ((event: { data: string | ArrayBuffer }) => void) | undefined
    onclose: ((event: { code: number; reason: string }) => void) | undefined
    readonly bufferedAmount = 0
    isClosed = false
    constructor() {
      made = this
    }
    send(): void {}
    close(): void {
      this.isClosed = true
      this.onclose?.({ code: 1006, reason: '' })
    }
  }
  const thrown: string[] = []
  let closed = 0
  let fed = 0
  while (fed < messages) {
    made = undefined
    const { api, connection } = createClient<typeof contract>({
      url: 'ws://hostile.test',
      WebSocket: HostileSocket as unknown as WebSocketConstructor,
      serve: app,
    })
    const open = callAll(api)
    while (!made) await null
    const socket = made as HostileSocket
    socket.onopen?.()
    socket.onmessage?.({ data: '[1,{"connection":"c","session":"new","principal":"","features":["resume"]}]' })
    await null
    const end: Fed = {
      is: 'client',
      say: (frame) => socket.onmessage?.({ data: typeof frame === 'string' ? frame : frame.slice().buffer }),
      isClosed: () => socket.isClosed,
    }
    fed += feed(chaos, end, messages - fed, thrown)
    closed += socket.isClosed ? 1 : 0
    await connection.close()
    await open
  }
  return { messages: fed, closed, thrown }
}
