// The faults of a byte stream, by name: what a proxy and each of its connections can be told. Does not know how they are done.
import { type CutManner, noFaults, type PipeFaults } from './byte-pipe.ts'
import type { Direction } from './direction.ts'

/** Faults of a connection; of a proxy, they are those of every connection it has and will have. Where no direction is named, both are meant. */
export interface ByteFaults {
  /** Ends it now, at both ends; what was not forwarded is lost. `'rst'`, as a crash or a middlebox does, unless told otherwise. */
  cut(manner?: CutManner): void
  /** Keeps bytes, and the end of the stream, until `release`. */
  hold(direction?: Direction | 'both'): void
  /** Swallows bytes without a word; the sockets stay open. What is swallowed is gone: for an outage that TCP survives, use `hold`. */
  blackHole(direction?: Direction | 'both'): void
  /** Ends a hold or a black hole; what was held goes first, in order. */
  release(direction?: Direction | 'both'): void
  /** Lets this many bytes a second through, in slices of a twentieth; `Infinity` for no limit. */
  throttle(bytesPerSecond: number, direction?: Direction | 'both'): void
  /** Writes at most this many bytes at a time, each its own TCP segment; `Infinity` for no limit. */
  split(segmentBytes: number, direction?: Direction | 'both'): void
  /** Makes whatever arrives from now on wait for this long, in ms; order is kept. */
  delay(delayMs: number, direction?: Direction | 'both'): void
  /** Ends every fault but a cut that is armed. */
  heal(direction?: Direction | 'both'): void
}

export abstract class FaultSwitches implements ByteFaults {
  abstract cut(manner?: CutManner): void
  protected abstract change(faults: Partial<PipeFaults>, direction: Direction | 'both'): void

  hold(direction: Direction | 'both' = 'both'): void {
    this.change({ passage: 'held' }, direction)
  }

  blackHole(direction: Direction | 'both' = 'both'): void {
    this.change({ passage: 'swallowed' }, direction)
  }

  release(direction: Direction | 'both' = 'both'): void {
    this.change({ passage: 'open' }, direction)
  }

  throttle(bytesPerSecond: number, direction: Direction | 'both' = 'both'): void {
    if (!(bytesPerSecond > 0)) throw new TypeError(`throttle: expected bytes per second above 0, got ${bytesPerSecond}`)
    this.change({ bytesPerSecond }, direction)
  }

  split(segmentBytes: number, direction: Direction | 'both' = 'both'): void {
    if (!(segmentBytes >= 1)) throw new TypeError(`split: expected at least 1 byte, got ${segmentBytes}`)
    this.change({ segmentBytes }, direction)
  }

  delay(delayMs: number, direction: Direction | 'both' = 'both'): void {
    if (!(delayMs >= 0)) throw new TypeError(`delay: expected ms from 0 on, got ${delayMs}`)
    this.change({ delayMs }, direction)
  }

  heal(direction: Direction | 'both' = 'both'): void {
    this.change(noFaults, direction)
  }
}
