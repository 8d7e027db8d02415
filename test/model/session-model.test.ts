import { afterAll, describe, expect, it } from 'vitest'
import { explore, report } from './explore.ts'
import { quick } from './scenarios.ts'

describe('the session, in every order of what can happen', () => {
  let [states, quietStates, steps] = [0, 0, 0]

  it.each(quick)('$name: keeps every promise', (scenario) => {
    const exploration = explore({ scenario })
    expect(exploration.violation, report(exploration)).toBeUndefined()
    expect(exploration.quietStates).toBeGreaterThan(0)
    states += exploration.states
    quietStates += exploration.quietStates
    steps += exploration.steps
  })

  afterAll(() => console.log(`${states} states, ${quietStates} of them quiet, ${steps} steps`))
})
