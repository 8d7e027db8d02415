// Counting, acknowledging and keeping copies: what both ends do alike. Does not know calls.
import type { Rules } from './mutants.ts'
import { type Frame, type Message, type Sequence, violate } from './state.ts'

const counted = new Set(['open', 'accept', 'result', 'error', 'item', 'gap', 'end', 'cancel'])

export function isCounted(rules: Rules, type: Message['type']): boolean {
  if (rules.mutant === `${type}-not-counted`) return false
  return counted.has(type)
}

export function uncounted(message: Message): Frame {
  return Object.freeze({ message: Object.freeze(message) })
}

/** The frame for a message. A counted one enters the sequence, and takes an `ack` along when there is news. */
export function enter(rules: Rules, sequence: Sequence, message: Message): Frame {
  if (!isCounted(rules, message.type)) return uncounted(message)
  const before = sequence.sent
  sequence.sent++
  let frame: Frame = { message: Object.freeze(message) }
  if (sequence.received > sequence.stated) {
    // `sent` counts the frame it rides in: so it holds for a replay of the frame as well.
    const sent = rules.mutant === 'riding-ack-leaves-its-frame-out' ? before : sequence.sent
    frame = { ...frame, ack: Object.freeze({ received: sequence.received, sent }) }
    sequence.stated = sequence.received
  }
  Object.freeze(frame)
  if (rules.mutant !== 'copy-dropped-at-write') sequence.kept.push(frame)
  return frame
}

export function ackAlone(rules: Rules, sequence: Sequence): Frame {
  const received = rules.mutant === 'ack-states-what-was-sent' ? sequence.sent : sequence.received
  sequence.stated = sequence.received
  return uncounted({ type: 'ack', received, sent: sequence.sent })
}

/** Accepts a frame: counts it, and reads its counts. */
export function take(rules: Rules, sequence: Sequence, { message, ack }: Frame): void {
  if (isCounted(rules, message.type)) sequence.received++
  const counts = message.type === 'ack' ? message : ack
  if (!counts) return
  if (counts.sent !== sequence.received)
    violate(`4110 though no frame was lost: ${counts.sent} were sent, ${sequence.received} received`)
  acknowledge(sequence, counts.received)
}

/** Drops the copies that the other end has. A count that is older than another changes nothing. */
export function acknowledge(sequence: Sequence, received: number): void {
  if (received > sequence.sent) violate(`an acknowledgement of ${received} frames, and only ${sequence.sent} were sent`)
  const dropped = received - firstKept(sequence)
  if (dropped > 0) sequence.kept.splice(0, dropped)
}

/** How many frames need no copy any more. */
export function firstKept(sequence: Sequence): number {
  return sequence.sent - sequence.kept.length
}

/** The counts of a `hello` or a `welcome`, which say what to replay from. */
export function checkRange(sequence: Sequence, received: number): void {
  if (received < firstKept(sequence) || received > sequence.sent)
    violate(`4110 though no frame was lost: ${received} received, ${firstKept(sequence)} to ${sequence.sent} can be`)
}
