// What the page of bytes-browser.test.ts runs: sends every sample, takes every sample, and says what came.
import { createClient } from 'trunkline/client'
import { type contract, describe, samples, types } from './bytes-samples.ts'

export interface Seen {
  /** By the page, of what the server gave; in an answer and in an item. */
  readonly given: Record<string, string>
  readonly items: Record<string, string>
  /** By the server, of what the page made. */
  readonly taken: Record<string, string>
  /** By the page, of its own values that were there and came back. */
  readonly echoed: Record<string, string>
}

async function run(url: string): Promise<Seen> {
  const { api, connection } = createClient<typeof contract>({ url, types })
  const seen: Seen = { given: {}, items: {}, taken: {}, echoed: {} }
  const all = samples()
  // In one turn, and so in few frames.
  await Promise.all(
    [...all].map(async ([name, value]) => {
      seen.given[name] = await describe(await api.give(name))
      seen.taken[name] = await api.take(value)
      seen.echoed[name] = await describe(await api.echo(value))
    }),
  )
  for await (const [name, value] of api.all()) seen.items[name] = await describe(value)
  await connection.close()
  return seen
}

Object.assign(globalThis, { run })
