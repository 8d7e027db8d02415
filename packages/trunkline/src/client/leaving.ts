// Lines to servers that go: what was begun there is finished there, and streams follow once there is an elsewhere.
// Does not know how the elsewhere comes about.
import * as closeCode from '../protocol/close-code.ts'
import type { Calls } from './calls.ts'
import type { Line } from './line.ts'
import type { ClientSession } from './session.ts'

export class Leaving {
  readonly #calls: Calls
  readonly lines = new Set<Line>()

  constructor(calls: Calls) {
    this.#calls = calls
  }

  /** Its server goes: nothing new is written there. */
  add(line: Line): void {
    this.lines.add(line)
    line.session.isLeaving = true
    if (line.session.isEmpty) this.emptied(line.session)
  }

  /** There is an elsewhere: streams are opened there behind the last event received, so that none is lost. */
  move(): void {
    for (const { session } of this.lines) {
      for (const call of session.streams.values()) {
        if (call.subscription?.lastEventId !== undefined) this.#calls.reopen(call, true)
      }
    }
  }

  /** Nothing is left to be finished there. */
  emptied(session: ClientSession): void {
    for (const line of this.lines) if (line.session === session) line.close(closeCode.done, '')
  }

  /** Nothing is finished any more, of either end's. */
  end(): void {
    for (const line of this.lines) {
      line.session.discard()
      line.close(closeCode.done, '')
    }
  }

  /** A line is closed. False when it was none of these. */
  closed(line: Line): boolean {
    if (!this.lines.delete(line)) return false
    line.session.discard()
    this.#calls.leave(line.session)
    // Its calls are repeated where new ones are written, if that is open already.
    this.#calls.writeWaiting()
    return true
  }
}
