// An app of all five kinds that takes anything, for fuzzing: at a server, and on a client for its server's calls.
import { duplex, mutation, query, type RouterClient, router, subscription, type as unchecked, upload } from 'trunkline'
import { implement } from 'trunkline/server'

const any = unchecked<unknown>()

export const contract = router({
  act: mutation({ input: any, output: any, errors: { REFUSED: any } }),
  ask: query({ input: any, output: any }),
  feed: subscription({ input: any, output: any }),
  load: upload({ input: any, send: any, output: any }),
  talk: duplex({ input: any, send: any, output: any }),
})

export const app = implement(contract).handlers({
  act: ({ input, errors }) => {
    throw errors.REFUSED(input)
  },
  ask: ({ input }) => input,
  feed: async function* ({ input }) {
    for (let index = 0; index < 300; index++) yield input
  },
  load: async ({ items }) => {
    let count = 0
    for await (const _item of items) count++
    return count
  },
  talk: async function* ({ items }) {
    yield* items
  },
})

function* source(): Generator<unknown> {
  for (let index = 0; ; index++) yield index % 7 ? index : new Uint8Array(16)
}

async function readAll(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _item of stream);
}

/** Opens one call of each kind, and one of large bytes; resolves when all are settled, however. */
export async function callAll(api: RouterClient<typeof contract>): Promise<void> {
  await Promise.allSettled([
    api.act({ id: 1 }),
    api.ask(new Uint8Array(80_000)),
    readAll(api.feed()),
    api.load(undefined, { send: source() }),
    readAll(api.talk(undefined, { send: source() })),
  ])
}
