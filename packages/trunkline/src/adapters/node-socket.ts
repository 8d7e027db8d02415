// A `ws` socket as the server's ServerSocket. Text frames are built here and written to the TCP socket in one piece:
// `ws` writes header and payload apart, and builds a broadcast's frame once for each receiver.
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { ServerSocket, SocketEvents } from '../server/socket.ts'

/** The last frame built: a broadcast sends one string to many sockets, one after the other. */
export class FrameBuilder {
  #text = ''
  #frame: Buffer = Buffer.alloc(0)

  /** A text frame of a server: final, unmasked (RFC 6455 section 5.2). The buffer may be written many times and must not be changed. */
  build(text: string): Buffer {
    if (text === this.#text) return this.#frame
    const frame = buildTextFrame(text)
    // A frame that can't be a broadcast's item is not worth holding on to.
    if (text.length <= maxKeptLength) {
      this.#text = text
      this.#frame = frame
    }
    return frame
  }
}

const maxKeptLength = 64 * 1024
const finalText = 0x81

function buildTextFrame(text: string): Buffer {
  const length = Buffer.byteLength(text)
  const headLength = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(headLength + length)
  frame[0] = finalText
  if (headLength === 2) {
    frame[1] = length
  } else if (headLength === 4) {
    frame[1] = 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 127
    frame.writeUInt32BE(0, 2)
    frame.writeUInt32BE(length, 6)
  }
  frame.write(text, headLength)
  return frame
}

/** Unsent bytes above which pings go unanswered: whoever floods and does not read gets no more queued for it. */
const maxPongBacklog = 64 * 1024

export class NodeSocket implements ServerSocket {
  readonly #webSocket: WebSocket
  readonly #stream: Duplex
  readonly #frames: FrameBuilder

  /** `stream` is the TCP (or TLS) socket under `webSocket`, on which compression was not agreed. */
  constructor(webSocket: WebSocket, stream: Duplex, frames: FrameBuilder) {
    this.#webSocket = webSocket
    this.#stream = stream
    this.#frames = frames
  }

  get bufferedAmount(): number {
    return this.#stream.writableLength
  }

  /** Passes the socket's events on, until it is closed. */
  connect(events: SocketEvents): void {
    const socket = this.#webSocket
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) events.binary()
      else events.text(data.toString())
    })
    socket.on('ping', (data: Buffer) => {
      if (socket.readyState === socket.OPEN && this.bufferedAmount < maxPongBacklog) socket.pong(data)
    })
    // `ws` closes with the right code by itself; without a listener the error would end the process.
    socket.on('error', () => {})
    socket.on('close', (code: number) => events.closed(code))
    this.#stream.on('drain', () => events.drained())
  }

  send(text: string): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#stream.write(this.#frames.build(text))
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
