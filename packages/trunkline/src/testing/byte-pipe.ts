// One direction of a proxied connection: bytes in, bytes out in order, and what goes wrong between. Knows no sockets.
import { HttpHead } from './http-head.ts'
import { Marks } from './marks.ts'

/** Timers, for tests with a clock of their own. */
export interface FaultClock {
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
}

/** Looked up when they are called, so that a fake clock installed later rules too. */
export const globalClock: FaultClock = {
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
}

/** How a connection ends: `'fin'` in order, as `socket.end()` does; `'rst'` as a reset. */
export type CutManner = 'fin' | 'rst'

export interface PipeFaults {
  readonly passage: 'open' | 'held' | 'swallowed'
  readonly bytesPerSecond: number
  readonly segmentBytes: number
  readonly delayMs: number
}

export const noFaults: PipeFaults = {
  passage: 'open',
  bytesPerSecond: Number.POSITIVE_INFINITY,
  segmentBytes: Number.POSITIVE_INFINITY,
  delayMs: 0,
}

/** What a pipe needs of the two sockets, and of the process. */
export interface PipeHost {
  pauseSource(): void
  resumeSource(): void
  /** Calls `done` when the kernel has taken the bytes. */
  write(bytes: Uint8Array, done: () => void): void
  end(manner: CutManner): void
  /** The HTTP head is out, and the byte after it is not. */
  headPassed(head: HttpHead): void
  /** Runs when what has arrived meanwhile was read. */
  afterTurn(run: () => void): void
  readonly clock: FaultClock
  readonly heldBytes: number
}

/** A throttled pipe writes this often: often enough to look like a slow link, rarely enough to cost nothing. */
const slicesPerSecond = 20

interface Piece {
  bytes: Uint8Array
  readonly end: CutManner | undefined
  /** Set while it is delayed. */
  timer: unknown
}

export class BytePipe {
  readonly received = new Marks()
  readonly forwarded = new Marks()
  readonly head = new HttpHead()
  swallowed = 0
  held = 0
  readonly #host: PipeHost
  #faults: PipeFaults
  #pieces: Piece[] = []
  #inFlight = 0
  /** Set between two slices of a throttled pipe. */
  #sliceTimer: unknown
  #isBetweenSegments = false
  #isOver = false
  #hasSink = true

  constructor(host: PipeHost, faults: PipeFaults) {
    this.#host = host
    this.#faults = faults
  }

  /** Bytes forwarded, with those that can't be called back. */
  get offset(): number {
    return this.forwarded.count + this.#inFlight
  }

  change(faults: Partial<PipeFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
    if (faults.bytesPerSecond !== undefined) this.#stopSlicing()
    if (faults.delayMs === 0) for (const piece of this.#pieces) this.#stopDelay(piece)
    this.#pump()
  }

  push(bytes: Uint8Array): void {
    if (this.#isOver) return
    this.held += bytes.length
    this.#add({ bytes, end: undefined, timer: undefined })
    if (this.held >= this.#host.heldBytes) this.#host.pauseSource()
    this.received.advance(bytes.length)
  }

  /** The sender has ended; the receiver hears it behind the bytes before it. */
  pushEnd(end: CutManner): void {
    if (!this.#isOver) this.#add({ bytes: new Uint8Array(0), end, timer: undefined })
  }

  /** Nobody is there to take more bytes. */
  loseSink(): void {
    this.#hasSink = false
    this.#inFlight = 0
    this.#pump()
  }

  stop(): void {
    this.#isOver = true
    this.#stopSlicing()
    for (const piece of this.#pieces) this.#stopDelay(piece)
    this.#pieces = []
    this.held = 0
    this.received.clear()
    this.forwarded.clear()
  }

  #add(piece: Piece): void {
    const { delayMs } = this.#faults
    if (delayMs > 0) {
      piece.timer = this.#host.clock.setTimeout(() => {
        piece.timer = undefined
        this.#pump()
      }, delayMs)
    }
    this.#pieces.push(piece)
    this.#pump()
  }

  #pump(): void {
    if (this.#isOver || this.#faults.passage === 'held') return
    if (this.#faults.passage === 'swallowed' || !this.#hasSink) return this.#swallow()
    const [piece] = this.#pieces
    if (!piece || piece.timer !== undefined || this.#isWaiting) return
    if (piece.end) {
      this.#pieces.shift()
      return this.#host.end(piece.end)
    }
    const bytes = this.#take(piece)
    this.#inFlight = bytes.length
    this.#host.write(bytes, () => this.#written(bytes.length))
  }

  get #isWaiting(): boolean {
    return this.#inFlight > 0 || this.#sliceTimer !== undefined || this.#isBetweenSegments
  }

  /** As many bytes as may go at once: up to the next mark, segment, slice or end of the head. */
  #take(piece: Piece): Uint8Array {
    const { segmentBytes, bytesPerSecond } = this.#faults
    const slice = Math.max(1, Math.floor(bytesPerSecond / slicesPerSecond))
    const most = piece.bytes.subarray(0, Math.min(segmentBytes, slice, this.forwarded.distance))
    const ofHead = this.head.read(most)
    const bytes = ofHead > 0 ? most.subarray(0, ofHead) : most
    piece.bytes = piece.bytes.subarray(bytes.length)
    if (piece.bytes.length === 0) this.#pieces.shift()
    this.#unhold(bytes.length)
    return bytes
  }

  #written(length: number): void {
    if (this.#isOver || !this.#hasSink) return
    this.#inFlight = 0
    const { bytesPerSecond, segmentBytes } = this.#faults
    const hadHead = this.forwarded.count >= (this.head.length ?? Number.POSITIVE_INFINITY)
    if (bytesPerSecond < Number.POSITIVE_INFINITY) this.#waitForSlice((length / bytesPerSecond) * 1_000)
    else if (segmentBytes < Number.POSITIVE_INFINITY) this.#waitForTurn()
    this.forwarded.advance(length)
    if (!hadHead && this.forwarded.count === this.head.length) this.#host.headPassed(this.head)
    this.#pump()
  }

  #waitForSlice(ms: number): void {
    this.#sliceTimer = this.#host.clock.setTimeout(() => {
      this.#sliceTimer = undefined
      this.#pump()
    }, ms)
  }

  /** Written in one turn, segments would reach the receiver as one. */
  #waitForTurn(): void {
    this.#isBetweenSegments = true
    this.#host.afterTurn(() => {
      this.#isBetweenSegments = false
      this.#pump()
    })
  }

  /** The end of a stream is kept: it is heard when the black hole is healed. */
  #swallow(): void {
    this.swallowed += this.held
    for (const piece of this.#pieces) if (!piece.end) this.#stopDelay(piece)
    this.#pieces = this.#pieces.filter(({ end }) => end)
    this.#unhold(this.held)
  }

  #unhold(bytes: number): void {
    const wasFull = this.held >= this.#host.heldBytes
    this.held -= bytes
    if (wasFull && this.held < this.#host.heldBytes) this.#host.resumeSource()
  }

  #stopSlicing(): void {
    if (this.#sliceTimer !== undefined) this.#host.clock.clearTimeout(this.#sliceTimer)
    this.#sliceTimer = undefined
  }

  #stopDelay(piece: Piece): void {
    if (piece.timer !== undefined) this.#host.clock.clearTimeout(piece.timer)
    piece.timer = undefined
  }
}
