// What the server needs of a socket, and of the upgrade it came from. Adapters implement it; nothing here names a runtime.

/** An accepted WebSocket with the subprotocol `trunkline.v1`. */
export interface ServerSocket {
  /** Bytes handed to `send` that the kernel has not taken yet. */
  readonly bufferedAmount: number
  /**
   * Rises with each byte the kernel takes, where the runtime can tell: `bufferedAmount` may stand still until all of a large write is
   * taken.
   */
  readonly takenAmount?: number | undefined
  /** Writes one frame: a string as a text frame, bytes as a binary one. The bytes are never changed. */
  send(frame: string | Uint8Array): void
  /** Starts the closing handshake; the adapter ends it after its own limit. */
  close(code: number, reason: string): void
  /** Drops the connection at once, without a handshake. */
  terminate(): void
  /** Stops reading, so that a peer who asks faster than it reads is slowed by TCP. */
  pause(): void
  resume(): void
}

/** What `accept` gives back to the adapter: it calls these, in the order of the socket's life. */
export interface SocketEvents {
  text(frame: string): void
  /** A binary frame; parts of it may be kept as views, so the bytes must not be used again. */
  binary(frame: Uint8Array): void
  /**
   * True before the frames that came in one piece, false behind the last of them. An adapter that can tell saves its server a turn
   * of the loop's queue for each piece; one that can't leaves it.
   */
  reading(isReading: boolean): void
  /** `bufferedAmount` has fallen to zero. */
  drained(): void
  closed(code: number): void
}

/** The HTTP request of the upgrade, for `authenticate`. */
export interface UpgradeRequest {
  /** Path and query, as requested. */
  readonly url: string
  /** Headers of the request: cookies, `x-forwarded-for`. */
  readonly headers: Headers
  /** Address of the other end of the TCP connection: of the proxy, behind one. */
  readonly remoteAddress: string | undefined
}
