// A server's connection whose other end is the test: what it is sent, and what becomes of its socket.
import { type App, createServer, type ServerSocket, type UpgradeRequest } from 'trunkline/server'
import { parseBinaryFrame } from '../../packages/trunkline/src/protocol/binary-frame.ts'

export interface Accepted {
  /** Says messages, each in a frame of its own. */
  say(...messages: unknown[]): void
  /** Says frames as they are. */
  text(...frames: string[]): void
  /** Says a binary frame. */
  binary(frame: Uint8Array): void
  /** The other end has gone. */
  gone(): void
  /** Messages so far, whatever the frames. */
  readonly sent: unknown[][]
  readonly closed: { code: number; reason: string }[]
  /** Each `pause` and `resume` of the socket. */
  readonly reading: ('paused' | 'resumed')[]
}

export const hello = (params: object = {}, more: object = {}): unknown => [
  0,
  { session: 'abc', attempt: 1, params, ...more },
]

/** A server, and `connect` for any number of connections to it. */
export function acceptOn(app: App<never, never>, options: object = {}) {
  const reports: { error: unknown; path: string | undefined }[] = []
  const server = createServer(app as unknown as App, {
    onError: (report) => void reports.push(report),
    // How long a slice of work takes is the machine's; what comes of it must not be.
    yieldTo: (task) => queueMicrotask(task),
    ...options,
  })
  const connect = (request: Partial<UpgradeRequest> = {}): Accepted => {
    const sent: unknown[][] = []
    const closed: Accepted['closed'] = []
    const reading: Accepted['reading'] = []
    const socket: ServerSocket = {
      bufferedAmount: 0,
      send: (data) => {
        const frame = typeof data === 'string' ? JSON.parse(data) : parseBinaryFrame(data).messages
        sent.push(...(Array.isArray(frame[0]) ? frame : [frame]))
      },
      close: (code, reason) => void closed.push({ code, reason }),
      terminate() {},
      pause: () => void reading.push('paused'),
      resume: () => void reading.push('resumed'),
    }
    const events = server.accept(socket, {
      url: '/',
      headers: new Headers(),
      remoteAddress: '127.0.0.1',
      ...request,
    })
    const text = (...frames: string[]) => {
      for (const frame of frames) events.text(frame)
    }
    return {
      text,
      binary: (frame) => events.binary(frame),
      say: (...messages) => text(...messages.map((message) => JSON.stringify(message))),
      gone: () => events.closed(1006),
      sent,
      closed,
      reading,
    }
  }
  return { server, connect, reports }
}
