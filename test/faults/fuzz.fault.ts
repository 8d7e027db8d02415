// RELIABILITY: 100 000 fuzzed messages for the decoders of both ends. A failure prints its seed; FAULT_SEED replays it.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fuzzClient, fuzzServer } from './fuzz-ends.ts'
import { seededChaos } from './seed.ts'

const messages = 100_000
const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)

/** What is held, in MB, once nobody speaks. What a collection frees of buffers counts as held until the next. */
async function heldMb(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  for (let round = 0; round < 2; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 2 ** 20
}

beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

test('100 000 fuzzed messages at the server: never an exception out of the decoder, never an unhandled rejection, no memory kept', async () => {
  const before = await heldMb()
  const report = await fuzzServer(seededChaos(), messages)
  // A leak of 1 KiB a connection would be more.
  expect((await heldMb()) - before).toBeLessThan(32)
  console.log(`fuzz, server: ${report.messages} messages, ${report.closed} connections closed by them`)
  expect(report.thrown).toEqual([])
  expect(unhandled).toEqual([])
  expect(report.closed).toBeGreaterThan(10_000)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('100 000 fuzzed messages at the client: never an exception out of the decoder, never an unhandled rejection, no memory kept', async () => {
  const before = await heldMb()
  const report = await fuzzClient(seededChaos(), messages)
  // A leak of 1 KiB a connection would be more.
  expect((await heldMb()) - before).toBeLessThan(32)
  console.log(`fuzz, client: ${report.messages} messages, ${report.closed} connections closed by them`)
  expect(report.thrown).toEqual([])
  expect(unhandled).toEqual([])
  expect(report.closed).toBeGreaterThan(10_000)
})
