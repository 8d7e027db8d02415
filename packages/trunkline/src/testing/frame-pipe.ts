// One direction of a link in memory: frames and the end behind them, in order, in micro-tasks. Knows neither server nor client.
import type { FrameData } from '../protocol/encoded.ts'

/** What comes out at the receiving end. */
export interface FrameSink {
  frame(data: FrameData): void
  closed(code: number, reason: string): void
}

type Piece = { readonly data: FrameData } | { readonly code: number; readonly reason: string }

export class FramePipe {
  readonly #sink: FrameSink
  readonly #isSilent: () => boolean
  #pieces: Piece[] = []
  #isHeld = false
  #isOver = false

  constructor(sink: FrameSink, isSilent: () => boolean) {
    this.#sink = sink
    this.#isSilent = isSilent
  }

  get isHeld(): boolean {
    return this.#isHeld
  }

  /** The receiving end has heard its last. */
  get isOver(): boolean {
    return this.#isOver
  }

  push(piece: Piece): void {
    if (this.#isOver || this.#isSilent()) return
    this.#pieces.push(piece)
    queueMicrotask(this.#next)
  }

  /** Ends the receiving end now, and what is on its way is lost; when held, behind what is held. */
  cut(code: number, reason: string): void {
    if (this.#isHeld) this.push({ code, reason })
    else this.end(code, reason)
  }

  end(code: number, reason: string): void {
    if (this.#isOver) return
    this.stop()
    this.#sink.closed(code, reason)
  }

  /** Ends it without telling anybody. */
  stop(): void {
    this.#isOver = true
    this.#pieces = []
  }

  hold(): void {
    this.#isHeld = true
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    // What was pushed while it was held has had its micro-task in vain.
    for (const _ of this.#pieces) queueMicrotask(this.#next)
  }

  readonly #next = (): void => {
    if (this.#isHeld || this.#isOver) return
    const piece = this.#pieces.shift()
    if (!piece || this.#isSilent()) return
    if ('data' in piece) this.#sink.frame(piece.data)
    else this.end(piece.code, piece.reason)
  }
}
