// RELIABILITY: 100 000 fuzzed messages for the decoders of both ends. A failure prints its seed; FAULT_SEED replays it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fuzzClient, fuzzServer } from './fuzz-ends.ts'
import { seededChaos } from './seed.ts'

const messages = 100_000
const unhandled: unknown[] = []
const note = (error: unknown): unknown => unhandled.push(error)

beforeAll(() => {
  process.on('unhandledRejection', note)
  process.on('uncaughtException', note)
})
afterAll(() => {
  process.off('unhandledRejection', note)
  process.off('uncaughtException', note)
})

test('100 000 fuzzed messages at the server: never an exception out of the decoder, never an unhandled rejection', async () => {
  const report = await fuzzServer(seededChaos(), messages)
  await new Promise((resolve) => setImmediate(resolve))
  console.log(`fuzz, server: ${report.messages} messages, ${report.closed} connections closed by them`)
  expect(report.thrown).toEqual([])
  expect(unhandled).toEqual([])
  expect(report.closed).toBeGreaterThan(10_000)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

test('100 000 fuzzed messages at the client: never an exception out of the decoder, never an unhandled rejection', async () => {
  const report = await fuzzClient(seededChaos(), messages)
  await new Promise((resolve) => setImmediate(resolve))
  console.log(`fuzz, client: ${report.messages} messages, ${report.closed} connections closed by them`)
  expect(report.thrown).toEqual([])
  expect(unhandled).toEqual([])
  expect(report.closed).toBeGreaterThan(10_000)
})
