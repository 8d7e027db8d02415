// RELIABILITY: 5 rounds of 100 000 calls, 100 000 subscriptions that come and go, and 10 000 connects.
import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { Round } from './leaks-process.ts'
import { Asked } from './processes.ts'

const rounds = 5
const mebibyte = 1_024 * 1_024

test('5 rounds of 100 000 calls, 100 000 subscribe and unsubscribe, 10 000 connects: heap flat, stats() at zero, no handle left', {
  timeout: 290_000,
}, async () => {
  const { process: child } = new Asked('./leaks-process.ts', [String(rounds)], ['--expose-gc'])
  const said: unknown[] = []
  child.on('message', (message) => said.push(message))
  const [code] = await once(child, 'exit')
  const all = said.slice(0, rounds) as Round[]
  console.log(
    `heap after each round, MiB: ${all.map(({ heapUsed }) => (heapUsed / mebibyte).toFixed(2)).join(', ')}; left: ${all.map(({ left }) => left)}`,
  )
  expect(code).toBe(0)
  expect(all.map(({ left }) => left)).toEqual(Array.from({ length: rounds }, () => 0))
  // The first round compiles and fills pools; behind it a leak of one object of 10 bytes a call would be 4 MiB.
  expect((all[rounds - 1] as Round).heapUsed - (all[1] as Round).heapUsed).toBeLessThan(mebibyte)
  expect(said[rounds]).toEqual([])
})
