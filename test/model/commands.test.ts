import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Command, faults, Reference } from './commands.ts'
import { after, commandsOf, isQuiet } from './session-model.ts'
import { initialState, type Scenario, type State } from './state.ts'

const scenario: Scenario = {
  name: 'everything at once',
  calls: ['mutation', 'subscription', 'query', 'unserialisable', 'idempotent', 'mutation'],
  ends: true,
  window: 2,
  nodes: 1,
  budget: { breaks: 4, losses: 1, expiries: 1, cancels: 2, acks: 3, logins: 1, discards: 1, events: 4 },
}

/** Each number picks one of the commands that are possible; then nothing but what happens in the end, and what makes streams end. */
function walk(picks: readonly number[], take: (command: Command) => void): State {
  const rules = { scenario }
  let state = initialState(scenario)
  const step = (commands: readonly Command[], pick: number): void => {
    const command = commands[pick % commands.length]
    if (!command) return
    take(command)
    state = after(rules, state, command)
  }
  for (const pick of picks) step(commandsOf(rules, state), pick)
  for (let commands = commandsOf(rules, state); !isQuiet(commands); commands = commandsOf(rules, state)) {
    const fair = commands.filter(({ type }) => !faults.has(type) || type === 'publish')
    step(fair, picks[fair.length % picks.length] ?? 0)
  }
  return state
}

it('what calls give in long random stories is what the simple reference allows', () => {
  let settled = 0
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { minLength: 30, maxLength: 90 }), (picks) => {
      const reference = new Reference(scenario.calls)
      const { client, runs } = walk(picks, (command) => reference.apply(command))
      for (const { id, phase, outcome, delivery } of client.calls) {
        if (phase !== 'settled' || outcome === '') continue
        settled++
        expect(reference.objection(id, { outcome, delivery, runs: runs[id - 1] ?? 0 }), `call ${id}`).toBeUndefined()
      }
    }),
    { numRuns: 1_500, seed: 5 },
  )
  expect(settled).toBeGreaterThan(3_000)
})
