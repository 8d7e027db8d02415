// What the client needs of its surroundings: a socket, a way to run after this turn, and word of waking up.
// Here on the web's standards; `adapters/node-client.ts` has it on `ws`.

export interface SocketHandlers {
  open(): void
  text(frame: string): void
  /** A binary frame, which this version does not understand. */
  binary(): void
  /** Once, and last. */
  closed(code: number, reason: string): void
}

export interface ClientSocket {
  readonly bufferedAmount: number
  send(text: string): void
  close(code: number, reason: string): void
}

export interface Platform {
  connect(url: string, protocol: string, handlers: SocketHandlers): ClientSocket
  /** Runs `flush` when the current turn has said what it has to say. */
  schedule(flush: () => void): void
  /** Calls `wake` when the network or the page is back, and `sleep` when the page is put away whole. Gives the undo. */
  onWake(wake: () => void, sleep: () => void): () => void
}

/** A constructor like the browser's WebSocket. */
export type WebSocketConstructor = new (url: string, protocol: string) => WebSocket

export function webPlatform(given: WebSocketConstructor | undefined): Platform {
  return {
    connect(url, protocol, handlers) {
      const socket = new (given ?? findWebSocket())(url, protocol)
      socket.onopen = () => handlers.open()
      socket.onmessage = ({ data }) => (typeof data === 'string' ? handlers.text(data) : handlers.binary())
      // Always followed by `close`; without a listener it is an exception in Node's `ws`.
      socket.onerror = () => {}
      socket.onclose = ({ code, reason }) => handlers.closed(code, reason)
      return socket
    },
    // As a method of anything else than the window, a browser refuses to run it.
    schedule: (flush) => queueMicrotask(flush),
    onWake: listenForWake,
  }
}

function findWebSocket(): WebSocketConstructor {
  if (typeof WebSocket === 'function') return WebSocket
  throw new TypeError('There is no global WebSocket here; pass one as createClient({ WebSocket })')
}

function listenForWake(wake: () => void, sleep: () => void): () => void {
  const { document } = globalThis
  if (typeof addEventListener !== 'function' || !document) return () => {}
  const shown = (): void => {
    if (document.visibilityState === 'visible') wake()
  }
  // A page with an open socket is not kept by the back/forward cache.
  const hidden = ({ persisted }: PageTransitionEvent): void => {
    if (persisted) sleep()
  }
  addEventListener('online', wake)
  addEventListener('pagehide', hidden)
  addEventListener('pageshow', wake)
  document.addEventListener('visibilitychange', shown)
  return () => {
    removeEventListener('online', wake)
    removeEventListener('pagehide', hidden)
    removeEventListener('pageshow', wake)
    document.removeEventListener('visibilitychange', shown)
  }
}
