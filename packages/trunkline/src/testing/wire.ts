// One connection in memory: a client's socket and a server's back to back, and what goes wrong between. Makes neither client nor server.
import type { ClientSocket, SocketHandlers } from '../client/platform.ts'
import { closeCode } from '../protocol/close.ts'
import type { FrameData } from '../protocol/encoded.ts'
import type { Server } from '../server/server.ts'
import type { ServerSocket, SocketEvents, UpgradeRequest } from '../server/socket.ts'
import { type Direction, directionsOf } from './direction.ts'
import { FramePipe } from './frame-pipe.ts'
import { Marks } from './marks.ts'

/** One frame on a link. */
export interface PairFrame {
  /** Who sent it. */
  readonly from: 'client' | 'server'
  /** Its text, as it was sent; of a binary frame its header. */
  readonly text: string
  /** The whole of a binary frame. */
  readonly bytes?: Uint8Array
}

/** One connection of a pair, and its faults. */
export interface PairLink {
  /** True while an end takes it for open. */
  readonly isOpen: boolean
  /** Frames sent on it so far, oldest first. */
  readonly frames: readonly PairFrame[]
  /** Breaks it without a closing handshake. Both ends hear of it unless one is named; the other then finds nothing but silence. An end whose direction is held hears when it is released. */
  cut(heardBy?: 'client' | 'server' | 'both'): void
  /** Breaks it once so many more frames were delivered, of one direction or of both together: what they start still runs, and what it answers is lost. Resolves with true when both ends have heard, with false when it ends before. */
  cutAfterFrames(frames: number, direction?: Direction | 'both'): Promise<boolean>
  /** Keeps frames, and the close behind them, until `release`. Both directions unless one is named. */
  hold(direction?: Direction | 'both'): void
  /** Delivers what was held, in order. */
  release(direction?: Direction | 'both'): void
  /** While true, frames and closes are swallowed both ways and nobody is told. */
  isSilent: boolean
}

/** What a wire needs of the pair around it. */
export interface WireHost {
  readonly server: Server
  readonly isSilent: boolean
  readonly isReachable: boolean
  opened(wire: Wire): void
  sent(frame: PairFrame): void
  /** Both ends have heard that it is over. */
  ended(wire: Wire): void
}

interface Watch {
  readonly direction: Direction | 'both'
  readonly marks: Marks
  readonly resolve: (isCut: boolean) => void
}

const request: UpgradeRequest = { url: '/', headers: new Headers(), remoteAddress: '127.0.0.1' }

function headerOf(frame: Uint8Array): string {
  const length = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
  return new TextDecoder().decode(frame.subarray(4, 4 + length))
}

/** As a socket's event would: after the micro-tasks, and whatever a fake clock says. */
function nextTurn(run: () => void): void {
  const { port1, port2 } = new MessageChannel()
  port1.onmessage = () => {
    port1.close()
    run()
  }
  port2.postMessage(undefined)
}

export class Wire implements PairLink {
  readonly frames: PairFrame[] = []
  readonly client: ClientSocket
  isSilent = false
  readonly #host: WireHost
  readonly #handlers: SocketHandlers
  #events: SocketEvents | undefined
  /** To the server. */
  readonly #up: FramePipe
  /** To the client. */
  readonly #down: FramePipe
  readonly #watches = new Set<Watch>()
  #isCutting = false
  #isOver = false

  constructor(host: WireHost, handlers: SocketHandlers) {
    this.#host = host
    this.#handlers = handlers
    this.#up = this.#pipe('up')
    this.#down = this.#pipe('down')
    this.client = {
      bufferedAmount: 0,
      send: (data) => this.#send('client', data),
      close: (code, reason) => this.#close('client', code, reason),
    }
  }

  get isOpen(): boolean {
    return !this.#isOver
  }

  /** The attempt meets the server, or nobody. */
  open(): void {
    if (this.#isOver) return
    if (!this.#host.isReachable || this.#host.server.isFull) return this.end('unreachable')
    const socket: ServerSocket = {
      bufferedAmount: 0,
      send: (data) => this.#send('server', data),
      close: (code, reason) => this.#close('server', code, reason),
      terminate: () => this.#close('server', closeCode.abnormal, ''),
      pause() {},
      resume() {},
    }
    this.#host.opened(this)
    this.#events = this.#host.server.accept(socket, request)
    this.#handlers.open()
  }

  cut(heardBy: 'client' | 'server' | 'both' = 'both'): void {
    if (this.#isOver) return
    if (heardBy !== 'client') this.#up.cut(closeCode.abnormal, '')
    if (heardBy !== 'server') this.#down.cut(closeCode.abnormal, '')
    if (heardBy !== 'both') this.isSilent = true
  }

  cutAfterFrames(frames: number, direction: Direction | 'both' = 'both'): Promise<boolean> {
    if (!Number.isInteger(frames) || frames < 0)
      throw new TypeError(`cutAfterFrames: expected an integer from 0 on, got ${frames}`)
    return new Promise((resolve) => {
      if (this.#isOver) return resolve(false)
      const watch = { direction, marks: new Marks(), resolve }
      this.#watches.add(watch)
      watch.marks.add(frames, () => this.#cutFor(watch))
    })
  }

  hold(direction: Direction | 'both' = 'both'): void {
    for (const one of directionsOf(direction)) this.#to(one).hold()
  }

  release(direction: Direction | 'both' = 'both'): void {
    for (const one of directionsOf(direction)) this.#to(one).release()
  }

  /** Ends both ends at once, whatever is held. */
  end(reason = ''): void {
    this.#up.end(closeCode.abnormal, reason)
    this.#down.end(closeCode.abnormal, reason)
  }

  #pipe(direction: Direction): FramePipe {
    const sink = {
      frame: (data: FrameData) => {
        if (direction === 'down') this.#handlers.frame(data)
        else if (typeof data === 'string') this.#events?.text(data)
        else this.#events?.binary(data)
        this.#count(direction)
      },
      closed: (code: number, reason: string) => {
        if (direction === 'up') this.#events?.closed(code)
        else this.#handlers.closed(code, reason)
        this.#over()
      },
    }
    return new FramePipe(sink, () => this.#carriesNothing)
  }

  get #carriesNothing(): boolean {
    return this.isSilent || this.#isCutting || this.#host.isSilent
  }

  /** Nothing crosses from here on; the ends hear of it in a turn of its own, so that the receiver gets to run what it was sent. */
  #cutFor(watch: Watch): void {
    this.#watches.delete(watch)
    this.#isCutting = true
    nextTurn(() => {
      this.#isCutting = false
      this.cut()
      watch.resolve(true)
    })
  }

  #to(direction: Direction): FramePipe {
    return direction === 'up' ? this.#up : this.#down
  }

  #send(from: 'client' | 'server', data: FrameData): void {
    const [out, back] = from === 'client' ? [this.#up, this.#down] : [this.#down, this.#up]
    if (back.isOver || this.#carriesNothing) return
    // Nobody is at the other end any more: a kernel answers with a reset.
    if (out.isOver) return back.push({ code: closeCode.abnormal, reason: '' })
    const frame = typeof data === 'string' ? { from, text: data } : { from, text: headerOf(data), bytes: data }
    this.frames.push(frame)
    this.#host.sent(frame)
    // Both ends may keep views of what they send and receive.
    out.push({ data: typeof data === 'string' ? data : data.slice() })
  }

  /** The end that closes hears so itself at once; the other behind the frames before it, if it is reached. */
  #close(from: 'client' | 'server', code: number, reason: string): void {
    const [out, back] = from === 'client' ? [this.#up, this.#down] : [this.#down, this.#up]
    if (back.isOver) return
    // A link that is still opening has no server end, and nothing to hold.
    out.push({ code, reason })
    queueMicrotask(() => back.end(code, reason))
  }

  #count(direction: Direction): void {
    for (const watch of [...this.#watches])
      if (watch.direction === 'both' || watch.direction === direction) watch.marks.advance(1)
  }

  #over(): void {
    if (this.#isOver || !this.#up.isOver || !this.#down.isOver) return
    this.#isOver = true
    for (const { resolve } of this.#watches) resolve(false)
    this.#watches.clear()
    this.#host.ended(this)
  }
}
