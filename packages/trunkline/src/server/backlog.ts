// What a connection has said and is not worked off: a slice at a time, so that whoever asks for much at once starves nobody else.
// Does not know what a message does.
import type { Frame } from '../protocol/decode.ts'

export interface BacklogHost {
  /** Works off one message that came at `now`, or has its turn then; false when that was the last. */
  work(frame: Frame, index: number, now: number): boolean
  /** Runs `task` after what has arrived meanwhile was read. */
  yieldTo(task: () => void): void
  /** Reads nothing more for now, or goes on. */
  hold(isHeld: boolean): void
}

/** The others' turn comes after this long: not felt by anybody, and a hundred ordinary calls. */
const sliceMs = 1
/** Frames closer together than this came in one piece and belong to one slice. */
const contiguousMs = 0.2
/** A frame of this length takes so long to be read that the next of the same piece seems to have come later. */
const longLength = 8 * 1024
/** The clock is looked at after this many messages: reading it costs about as much as a small message. */
const lookEvery = 16
/** Behind an asynchronous schema or middleware a handler runs when the slice is over, and no clock here sees it: so many at most. */
const maxMessages = 128
/** Text that may wait here; more stays with TCP. */
const maxLength = 64 * 1024

export class Backlog {
  readonly #host: BacklogHost
  #waiting: { readonly frame: Frame; readonly length: number }[] = []
  #length = 0
  /** Messages of the first waiting frame that are done. */
  #done = 0
  #sliceEnd = 0
  /** Messages that the slice may still hold. */
  #left = 0
  #workedUntil = Number.NEGATIVE_INFINITY
  /** A long frame was worked off in this turn of the loop: what comes before the next belongs to its slice. */
  #isSameTurn = false
  #isHeld = false
  #isBlocked = false
  #isScheduled = false

  get isHeld(): boolean {
    return this.#isHeld
  }

  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Nothing is read and nothing worked off until it is no longer blocked. */
  get isStopped(): boolean {
    return this.#isHeld && this.#isBlocked
  }

  constructor(host: BacklogHost) {
    this.#host = host
  }

  /** Takes a frame that came at `now` and works it off, at once if it is this connection's turn. */
  take(frame: Frame, length: number, now: number): void {
    if (this.#waiting.length > 0 || this.#isBlocked) return this.#wait(frame, length)
    // To read and parse it was this turn's share.
    if (length > maxLength) return this.#defer(frame, length)
    if (!this.#isSameTurn && now - this.#workedUntil > contiguousMs) this.#begin(now)
    const { messages } = frame
    let done = 0
    if (now < this.#sliceEnd && this.#left > 0) {
      done = this.#work(frame, 0, now)
      this.#workedUntil = performance.now()
      if (length >= longLength) this.#keepTurn()
      if (done >= messages.length) return
    }
    this.#done = done
    this.#defer(frame, length)
  }

  /** Works nothing off for now, or goes on. */
  block(isBlocked: boolean): void {
    this.#isBlocked = isBlocked
    if (!isBlocked && (this.#waiting.length > 0 || this.#isHeld)) this.#schedule()
  }

  /** Forgets what is left. */
  clear(): void {
    this.#waiting = []
    this.#length = 0
    this.#done = 0
  }

  #defer(frame: Frame, length: number): void {
    this.#wait(frame, length)
    this.#schedule()
  }

  #wait(frame: Frame, length: number): void {
    this.#waiting.push({ frame, length })
    this.#length += length
    if (this.#length <= maxLength || this.#isHeld) return
    this.#isHeld = true
    this.#host.hold(true)
  }

  #keepTurn(): void {
    if (this.#isSameTurn) return
    this.#isSameTurn = true
    this.#host.yieldTo(this.#turn)
  }

  readonly #turn = (): void => {
    this.#isSameTurn = false
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#host.yieldTo(this.#continue)
  }

  readonly #continue = (): void => {
    this.#isScheduled = false
    if (this.#isBlocked) return
    const now = performance.now()
    this.#begin(now)
    let worked = 0
    let isTired = false
    const waiting = this.#waiting
    for (const { frame, length } of waiting) {
      this.#done = this.#work(frame, this.#done, now)
      // What a message did has ended the connection.
      if (this.#waiting !== waiting) return this.clear()
      if (length >= longLength) this.#keepTurn()
      isTired ||= length > maxLength
      if (this.#done < frame.messages.length) break
      this.#done = 0
      this.#length -= length
      worked++
      if (this.#isBlocked || this.#left === 0 || performance.now() >= this.#sliceEnd) break
    }
    waiting.splice(0, worked)
    if (this.#isHeld && this.#length <= maxLength / 2 && !isTired) {
      this.#isHeld = false
      this.#host.hold(false)
    }
    // The next is read when what came of this one is written.
    if (waiting.length > 0 || isTired) this.#schedule()
  }

  #begin(now: number): void {
    this.#sliceEnd = now + sliceMs
    this.#left = maxMessages
  }

  /** Works off messages until the slice is over; gives the index of the next. */
  #work(frame: Frame, from: number, now: number): number {
    const { length } = frame.messages
    let index = from
    while (index < length && this.#left > 0 && !this.#isBlocked) {
      this.#left--
      if (!this.#host.work(frame, index++, now)) return length
      if ((index - from) % lookEvery === 0 && performance.now() >= this.#sliceEnd) break
    }
    return index
  }
}
