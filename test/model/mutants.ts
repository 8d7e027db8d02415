// The planted mistakes: each a rule of the session left out or turned round. Does not know what they break.
import type { Scenario } from './state.ts'

export const mutants = {
  'client-counts-before-it-detaches': 'the old socket is still read after `received` went into `hello`',
  'client-reads-old-socket': 'frames of an old socket are read after `welcome` came on the new one',
  'server-counts-before-it-detaches': 'the old socket is still read after `received` went into `welcome`',
  'server-reads-old-socket': 'frames of an old socket are read after another was attached',
  'stale-attempt-accepted': 'a `hello` with an older attempt takes the session over',
  'stale-attempt-detaches': 'a `hello` with an older attempt is refused, and the session is detached all the same',
  'since-not-compared': 'the name alone says which session is meant',
  'client-replays-all': 'the client ignores `received` of `welcome`',
  'server-replays-all': 'the server ignores `received` of `hello`',
  'replay-into-new-session': 'the client replays its copies when the server says `new`',
  'counts-kept-across-new-session': 'the client counts on from where it was when the server says `new`',
  'counted-before-welcome': 'calls are written before `welcome` on a resume',
  'ping-before-welcome': 'counts are stated before `welcome` on a resume',
  'copy-dropped-at-write': 'no copy is kept until it is acknowledged',
  'ack-states-what-was-sent': 'an acknowledgement counts frames that were sent instead of received',
  'riding-ack-leaves-its-frame-out': '`sent` of an `ack` in a counted frame does not count that frame',
  'number-before-encoding': 'a frame that can not be encoded has taken its place in the sequence',
  'open-not-counted': '`open` is left out of the counts',
  'accept-not-counted': '`accept` is left out of the counts',
  'item-not-counted': '`item` is left out of the counts',
  'gap-not-counted': '`gap` is left out of the counts',
  'result-not-counted': '`result` is left out of the counts',
  'end-not-counted': '`end` is left out of the counts',
  'cancel-not-counted': '`cancel` is left out of the counts',
  'accepted-frames-dropped': 'frames that were counted and not worked off are dropped with their socket',
  'settled-ignored': 'the server does not read `settled`',
  'settled-only-before-run': '`settled` stops only calls that have not begun',
  'settled-only-if-known': '`settled` is forgotten for a call whose `open` has not come',
  'settled-after-hello-untold': 'what is settled between `hello` and `welcome` is told by nothing',
  'cancel-not-worked-off': 'the answer of a cancelled call is sent',
  'repeat-not-marked': 'after a hard reconnect calls are sent as if for the first time',
  'repeat-of-mutation-run': 'a mutation marked as a repeat is run',
  'unwritten-marked-repeat': 'a call that was never written is marked as a repeat',
  'written-told-not-run': 'a written call that is cancelled says `not-run`',
  'results-not-looked-for': 'a repeat of an idempotent mutation does not look for its result',
  'results-only-for-repeats': 'a kept result is looked for when the call is marked as a repeat only',
  'session-of-another-principal': 'a session is found by its name alone',
  'principal-not-compared': 'calls are sent again when `welcome` names another principal',
  'old-close-rejects-calls': 'the close event of an old socket ends the calls of the client',
  'credit-added': 'credit is added up instead of merged by maximum',
  'credit-not-restated': 'credit is not stated again after a resume',
  'position-of-source': '`accept` of a stream that continues states the position of its source',
  'gap-untold': 'a stream that can not continue says nothing',
  'resume-from-beginning': 'a subscription is opened again without its last event id',
} as const

export type Mutant = keyof typeof mutants

export interface Rules {
  readonly scenario: Scenario
  readonly mutant?: Mutant | undefined
}

/** Whether a session that began with one attempt is the one that began with the other. */
export function isMeant({ mutant }: Rules, since: number, other: number): boolean {
  return since === other || mutant === 'since-not-compared'
}
