// What the client needs of its surroundings: a socket, a way to run after this turn, and word of waking up.
// Here on the web's standards; `adapters/node-client.ts` has it on `ws`.

import { expect } from '../protocol/expect.ts'

export interface SocketHandlers {
  open(): void
  /** A text frame, or a binary one. */
  frame(data: string | Uint8Array): void
  /** What was unsent is sent, or nearly. */
  drained(): void
  /** Once, and last. */
  closed(code: number, reason: string): void
}

export interface ClientSocket {
  readonly bufferedAmount: number
  send(frame: string | Uint8Array): void
  close(code: number, reason: string): void
}

/** What waits to be flushed. */
export interface Said {
  /** Grows with what is said. */
  readonly size: number
}

export interface Platform {
  connect(url: string, protocol: string, handlers: SocketHandlers): ClientSocket
  /** Runs `flush` when the current turn has said what it has to say. */
  schedule(flush: () => void, said: Said): void
  /** Calls `wake` when the network or the page is back, and `sleep` when the page is put away whole. Gives the undo. */
  onWake(wake: () => void, sleep: () => void): () => void
  /** Nobody looks at the page, and its timers hardly run. */
  readonly isHidden?: boolean
}

/** A constructor like the browser's WebSocket. */
export type WebSocketConstructor = new (url: string, protocol: string) => WebSocket

export function webPlatform(given: WebSocketConstructor | undefined): Platform {
  return {
    connect(url, protocol, handlers) {
      const Constructor = given ?? globalThis.WebSocket
      expect(!!Constructor, 'WebSocket', 'one here or in the options of createClient', Constructor)
      const socket = new Constructor(url, protocol)
      socket.onopen = () => handlers.open()
      socket.binaryType = 'arraybuffer'
      socket.onmessage = ({ data }) => handlers.frame(typeof data === 'string' ? data : new Uint8Array(data))
      // Always followed by `close`; without a listener it is an exception in Node's `ws`.
      socket.onerror = () => {}
      socket.onclose = ({ code, reason }) => handlers.closed(code, reason)
      // A browser does not say when it has sent.
      let looking: unknown
      const look = (): void => {
        looking = socket.bufferedAmount > 0 && setTimeout(look, lookEveryMs)
        if (!looking) handlers.drained()
      }
      return {
        get bufferedAmount() {
          return socket.bufferedAmount
        },
        send(frame) {
          // Frames are made here, and none is in shared memory.
          socket.send(frame as string | Uint8Array<ArrayBuffer>)
          if (!looking && socket.bufferedAmount > 0) look()
        },
        // A page may give 1000 and its own codes; to the other end all that breaks the protocol is the same.
        close: (code, reason) => socket.close(code > 1000 && code < 3000 ? 4000 : code, reason),
      }
    },
    // A browser does not say when micro-tasks have drained: while each has more to say the flush waits, three of them at most.
    schedule(flush, said) {
      let hops = 3
      let size = 0
      const look = (): void => {
        if (said.size === size || --hops === 0) return flush()
        size = said.size
        queueMicrotask(look)
      }
      queueMicrotask(look)
    },
    onWake: listenForWake,
    get isHidden() {
      return isHidden()
    },
  }
}

const lookEveryMs = 4

function listenForWake(wake: () => void, sleep: () => void): () => void {
  const { document } = globalThis
  if (!document || typeof addEventListener !== 'function') return () => {}
  const listening = new AbortController()
  const { signal } = listening
  addEventListener('online', wake, { signal })
  addEventListener('pageshow', wake, { signal })
  // A page with an open socket is not kept by the back/forward cache.
  addEventListener('pagehide', ({ persisted }) => persisted && sleep(), { signal })
  document.addEventListener('visibilitychange', () => isHidden() || wake(), { signal })
  return () => listening.abort()
}

const isHidden = (): boolean => globalThis.document?.visibilityState === 'hidden'
