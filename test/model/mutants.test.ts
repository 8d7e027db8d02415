import { describe, expect, it } from 'vitest'
import { explore, report } from './explore.ts'
import { type Mutant, mutants } from './mutants.ts'
import { quick } from './scenarios.ts'

/** The scenario in which the model is searched for what the mutant breaks. */
const scenarioOf: Record<Mutant, string> = {
  'client-counts-before-it-detaches': 'two mutations and expiry',
  'client-reads-old-socket': 'two mutations and expiry',
  'server-counts-before-it-detaches': 'two mutations and expiry',
  'server-reads-old-socket': 'two mutations and expiry',
  'stale-attempt-accepted': 'two mutations',
  'stale-attempt-detaches': 'two mutations and expiry',
  'since-not-compared': 'a mutation and the loss of the server',
  'client-replays-all': 'two mutations and expiry',
  'server-replays-all': 'two mutations and expiry',
  'replay-into-new-session': 'two mutations and expiry',
  'counts-kept-across-new-session': 'two mutations and expiry',
  'counted-before-welcome': 'a mutation that is cancelled',
  'ping-before-welcome': 'a mutation and three breaks',
  'copy-dropped-at-write': 'a mutation and three breaks',
  'ack-states-what-was-sent': 'an answer that can not be encoded',
  'riding-ack-leaves-its-frame-out': 'a mutation and three breaks',
  'number-before-encoding': 'an answer that can not be encoded',
  'open-not-counted': 'two mutations and expiry',
  'accept-not-counted': 'a stream to its end',
  'item-not-counted': 'a stream to its end',
  'gap-not-counted': 'a stream and the loss of the server',
  'result-not-counted': 'two mutations and expiry',
  'end-not-counted': 'a stream to its end',
  'cancel-not-counted': 'a stream that is cancelled',
  'accepted-frames-dropped': 'frames worked off in slices',
  'settled-ignored': 'a stream that is cancelled',
  'settled-only-before-run': 'a stream that is cancelled',
  'settled-only-if-known': 'a stream that is cancelled',
  'settled-after-hello-untold': 'a stream that is cancelled',
  'cancel-not-worked-off': 'a mutation that is cancelled',
  'repeat-not-marked': 'two mutations and expiry',
  'repeat-of-mutation-run': 'two mutations and expiry',
  'unwritten-marked-repeat': 'two mutations and expiry',
  'written-told-not-run': 'a mutation that is cancelled',
  'results-not-looked-for': 'an idempotent mutation',
  'results-only-for-repeats': 'an idempotent mutation',
  'session-of-another-principal': 'another principal',
  'principal-not-compared': 'another principal',
  'old-close-rejects-calls': 'two mutations and expiry',
  'credit-added': 'a stream to its end',
  'credit-not-restated': 'a stream to its end',
  'position-of-source': 'a stream and two ends of its session',
  'gap-untold': 'a stream and two losses',
  'resume-from-beginning': 'a stream and two ends of its session',
}

// Unmutated, each of these scenarios is searched to its end by session-model.test.ts, and keeps every promise.
describe('planted mistakes', () => {
  it.each(Object.entries(mutants) as [Mutant, string][])('%s is found (%s)', (mutant, _rule) => {
    const scenario = quick.find(({ name }) => name === scenarioOf[mutant])
    if (!scenario) throw new Error(`no scenario "${scenarioOf[mutant]}"`)
    const exploration = explore({ scenario, mutant }, 200_000)
    if (process.env.TRACES) console.log(`${mutant}: ${report(exploration)}`)
    expect(exploration.violation, `${mutant} survives "${scenario.name}"`).toBeDefined()
    expect(exploration.trace?.length).toBeGreaterThan(2)
  })
})
