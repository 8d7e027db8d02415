// How much of what a session's generators give may be on its way at a time: twice what a short line holds, so that a call beside
// them waits little. Does not know sockets or streams.
import type { Sequence } from '../protocol/sequence.ts'

/** Unacknowledged, in UTF-16 units and bytes: this much at least, four times what a client lets go unacknowledged. */
const leastLength = 32 * 1024
/** What the turns of both ends take besides, in ms: with less on its way one of them waits for the other. */
const turnsMs = 0.35
/** Clocks tell no shorter times apart, in ms. */
const clockMs = 0.01
/** From this round trip on, in ms, a line's own jitter is longer than the queues of this end: TCP alone judges what it holds. */
const longMs = 1
/** The round trip is measured anew after so long, in ms, and so many of them: lines change, and a process is slow at first. */
const renewMs = 1_000
const renewTrips = 50

/**
 * A generator that is faster than its consumer fills every queue there is, and in the sockets of one machine they hold megabytes.
 * A line is busy with as much as it carries in a round trip (the bandwidth-delay product, as BBR has it); one frame at a time is followed
 * to its acknowledgement to know both. What publishers give is not held up: it comes when it comes, and wants room.
 */
export class InFlight {
  readonly #sequence: Sequence
  readonly #ask: () => void
  readonly #now: () => number
  #limit = leastLength
  #hadRoom = true
  /** It has acknowledged by itself since there was no room. */
  #isTold = false
  /** The frame that is followed, by its number; 0 for none. */
  #followed = 0
  #sentAt = 0
  /** Acknowledged since it was sent. */
  #length = 0
  #shortestMs = Number.POSITIVE_INFINITY
  #renewAt = Number.POSITIVE_INFINITY

  /** @param ask asks the other end what it has */
  constructor(sequence: Sequence, ask: () => void, now: () => number = () => performance.now()) {
    this.#sequence = sequence
    this.#ask = ask
    this.#now = now
  }

  /** `unsent`: what is said and not in a frame yet. */
  hasRoom(unsent: number): boolean {
    const hasRoom = this.#sequence.length + unsent < this.#limit
    if (!hasRoom && this.#hadRoom) {
      if (!this.#isTold) this.#ask()
      this.#isTold = false
    }
    this.#hadRoom = hasRoom
    return hasRoom
  }

  /** A frame was counted and is being written. */
  sent(): void {
    // Behind more than may be on its way it would tell of the queue, not of the line.
    if (this.#followed > 0 || this.#sequence.length > 2 * this.#limit) return
    this.#followed = this.#sequence.sent
    this.#sentAt = this.#now()
    this.#length = 0
  }

  /** The other end has told its counts, `isAsked` or by itself; `length`: of the copies that were dropped for it. */
  acknowledged(length: number, isAsked: boolean): void {
    const { sent, unacknowledged } = this.#sequence
    this.#length += length
    this.#isTold ||= !isAsked
    // What it was asked for may have been said before what fills the line: it is asked again.
    if (isAsked) this.#hadRoom = true
    if (this.#followed === 0 || this.#followed > sent - unacknowledged) return
    this.#followed = 0
    this.#measured(this.#now())
  }

  #measured(now: number): void {
    const tripMs = Math.max(clockMs, now - this.#sentAt)
    if (now >= this.#renewAt) {
      this.#renewAt = this.#shortestMs = Number.POSITIVE_INFINITY
      this.#limit = leastLength
      return
    }
    if (this.#shortestMs === Number.POSITIVE_INFINITY) this.#renewAt = now + Math.max(renewMs, renewTrips * tripMs)
    this.#shortestMs = Math.min(this.#shortestMs, tripMs)
    this.#limit =
      this.#shortestMs < longMs
        ? Math.max(leastLength, (this.#length / tripMs) * (2 * this.#shortestMs + turnsMs))
        : Number.POSITIVE_INFINITY
  }
}
