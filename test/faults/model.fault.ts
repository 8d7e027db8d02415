// The model of the session with larger bounds than `npm test` gives it.
import { expect, test } from 'vitest'
import { explore, report } from '../model/explore.ts'
import { large } from '../model/scenarios.ts'

test.each(large)('$name: keeps every promise', (scenario) => {
  const exploration = explore({ scenario })
  const { states, quietStates, steps, depth } = exploration
  console.log(`${scenario.name}: ${states} states, ${quietStates} of them quiet, ${steps} steps, ${depth} deep`)
  expect(exploration.violation, report(exploration)).toBeUndefined()
})
