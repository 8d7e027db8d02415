// A `ws` socket as the server's ServerSocket. Frames go to the TCP socket in one piece and messages come from it, past `ws`, which
// does all else. Knows no message.
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ServerSocket, SocketEvents } from '../server/socket.ts'
import type { BusyPoll } from './busy-poll.ts'
import { asBytes, type FrameBuilder } from './frame.ts'
import { FrameReader, takeOver } from './frame-reader.ts'

/** Unsent bytes above which pings go unanswered: whoever floods and does not read gets no more queued for it. */
const maxPongBacklog = 64 * 1024

export class NodeSocket implements ServerSocket {
  readonly #webSocket: WebSocket
  readonly #stream: Duplex
  readonly #frames: FrameBuilder
  readonly #poll: BusyPoll

  /** `stream` is the TCP (or TLS) socket under `webSocket`, on which compression was not agreed. */
  constructor(webSocket: WebSocket, stream: Duplex, frames: FrameBuilder, poll: BusyPoll) {
    this.#webSocket = webSocket
    this.#stream = stream
    this.#frames = frames
    this.#poll = poll
  }

  get bufferedAmount(): number {
    return this.#stream.writableLength
  }

  /** Node's own idle timer looks at the same numbers of the handle, which has no public name for them. */
  get takenAmount(): number | undefined {
    const { _handle: handle } = this.#stream as { _handle?: { bytesWritten?: number; writeQueueSize?: number } | null }
    const { bytesWritten, writeQueueSize } = handle ?? {}
    return bytesWritten === undefined || writeQueueSize === undefined ? undefined : bytesWritten - writeQueueSize
  }

  /** Passes the socket's events on, until it is closed. `maxLength` is that of a message, in bytes. */
  connect(events: SocketEvents, maxLength: number): void {
    const socket = this.#webSocket
    const stream = this.#stream
    const text = (message: string): void => {
      // What still comes while it closes is not looked at.
      if (socket.readyState === socket.OPEN) events.text(message)
    }
    const binary = (message: Uint8Array): void => {
      if (socket.readyState === socket.OPEN) events.binary(message)
    }
    const reader = new FrameReader('client', maxLength, { text, binary, other: (bytes) => passToWs(bytes) })
    const passToWs = takeOver(stream, (chunk) => {
      if (socket.readyState !== socket.OPEN || stream.destroyed) reader.isDeaf = true
      this.#poll.arrived()
      events.reading(true)
      reader.read(chunk)
      events.reading(false)
      this.#poll.expect()
    })
    // Of fragments.
    socket.on('message', (data: Buffer, isBinary: boolean) =>
      isBinary ? binary(asBytes(data)) : text(data.toString()),
    )
    socket.on('ping', (data: Buffer) => {
      if (socket.readyState === socket.OPEN && this.bufferedAmount < maxPongBacklog) socket.pong(data)
    })
    // `ws` closes with the right code by itself; without a listener the error would end the process.
    socket.on('error', () => reader.end())
    socket.on('close', (code: number) => events.closed(code))
    stream.on('drain', () => events.drained())
  }

  send(frame: string | Uint8Array): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#stream.write(this.#frames.build(frame), 'latin1')
  }

  close(code: number, reason: string): void {
    this.#webSocket.close(code, reason)
  }

  terminate(): void {
    this.#webSocket.terminate()
  }

  pause(): void {
    this.#webSocket.pause()
  }

  resume(): void {
    this.#webSocket.resume()
  }
}
