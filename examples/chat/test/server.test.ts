// The chat's app in memory: what its handlers do, for whom, and what is left of it when the line breaks.
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { safe } from 'trunkline/client'
import { createPair, type Pair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authenticate, createChat, rooms } from '../app.ts'
import type { chat } from '../contract.ts'
import { seed } from '../seed.ts'
import { Store } from '../store.ts'
import { CuttingStore } from './cutting-store.ts'

let pair: Pair<typeof chat>

const start = (store: Store, options: { resume?: false } = {}): Pair<typeof chat> =>
  createPair(createChat(store), { authenticate, ...options })
const client = (name: string) => pair.createClient({ params: { name }, reconnect: { minMs: 1, baseMs: 1 } })

beforeEach(() => {
  pair = start(new Store([...rooms.keys()]))
})
afterEach(() => pair.close())

/** The first items of a stream; leaves it then. */
async function take<Item>(stream: AsyncIterable<Item>, count: number): Promise<Item[]> {
  const items: Item[] = []
  for await (const item of stream) if (items.push(item) === count) break
  return items
}

describe('posting', () => {
  it('reaches everybody in the room, in order, from the name of the line', async () => {
    const [ann, bob] = [client('Ann'), client('Bob')]
    const heard = take(await bob.api.rooms.messages({ room: 'lobby' }), 2)
    await ann.api.rooms.post({ id: '1', room: 'workshop', text: 'elsewhere' })
    await ann.api.rooms.post({ id: '2', room: 'lobby', text: ' hello ' })
    const posted = await bob.api.rooms.post({ id: '3', room: 'lobby', text: 'hi' })
    expect(await heard).toEqual([
      { id: '2', room: 'lobby', from: 'Ann', text: 'hello', at: expect.any(Date) },
      { ...posted, from: 'Bob' },
    ])
  })

  it('twice with one id is one message, said once', async () => {
    const { api } = client('Ann')
    const heard = take(await api.rooms.messages({ room: 'lobby' }), 2)
    const message = { id: 'same', room: 'lobby', text: 'hello' }
    const [first, second] = await Promise.all([api.rooms.post(message), api.rooms.post(message)])
    expect(second).toEqual(first)
    expect(await api.rooms.post(message)).toEqual(first)
    const last = await api.rooms.post({ ...message, id: 'other' })
    expect(await heard).toEqual([first, last])
    expect((await api.rooms.history({ room: 'lobby' })).messages).toEqual([first, last])
  })

  it('to a room for reading is refused, except for its writers', async () => {
    const refused = await safe(client('Ann').api.rooms.post({ id: '1', room: 'notices', text: 'hello' }))
    expect(refused).toMatchObject({ ok: false, error: { code: 'READ_ONLY', data: { room: 'notices' } } })
    const margit = client('Margit').api.rooms
    expect(await margit.post({ id: '1', room: 'notices', text: 'hello' })).toMatchObject({ from: 'Margit' })
    const canPost = ({ name, canPost }: { name: string; canPost: boolean }) => name === 'notices' && canPost
    expect((await margit.list()).some(canPost)).toBe(true)
    expect((await client('Ann').api.rooms.list()).some(canPost)).toBe(false)
  })

  it.each([
    ['history', (api: ReturnType<typeof client>['api']) => safe(api.rooms.history({ room: 'attic' }))],
    ['post', (api) => safe(api.rooms.post({ id: '1', room: 'attic', text: 'x' }))],
    ['messages', (api) => safe(api.rooms.messages({ room: 'attic' }))],
    ['setTyping', (api) => safe(api.rooms.setTyping({ room: 'attic', isTyping: true }))],
  ] satisfies [string, (api: ReturnType<typeof client>['api']) => Promise<unknown>][])(
    '%s: a room that is not there is a typed error',
    async (_path, call) => {
      expect(await call(client('Ann').api)).toMatchObject({
        ok: false,
        error: { code: 'NO_SUCH_ROOM', data: { room: 'attic' } },
      })
    },
  )

  it.each([[''], ['  '], ['a-name-of-more-than-24-characters'], [42]])('nobody is called %j', async (name) => {
    const stranger = pair.createClient({ params: { name } })
    await expect(stranger.api.rooms.list()).rejects.toMatchObject({ code: 'UNAUTHORIZED', delivery: 'not-run' })
  })
})

describe('history', () => {
  it('goes back page by page to the first message, without a hole or a message twice', async () => {
    await pair.close()
    const messages = seed(new Date())
    pair = start(new Store([...rooms.keys()], messages))
    const { api } = client('Ann')
    const back = []
    let page = await api.rooms.history({ room: 'lobby' })
    expect(page.messages).toHaveLength(30)
    back.unshift(...page.messages)
    while (page.hasMore) {
      page = await api.rooms.history({ room: 'lobby', before: back[0]?.id, limit: 7 })
      back.unshift(...page.messages)
    }
    expect(back).toEqual(messages.filter(({ room }) => room === 'lobby'))
    expect(back.map(({ at }) => at.getTime())).toEqual(back.map(({ at }) => at.getTime()).sort((a, b) => a - b))
  })

  it('before a message that is not known has nothing, and no more', async () => {
    const { api } = client('Ann')
    await api.rooms.post({ id: '1', room: 'lobby', text: 'hello' })
    expect(await api.rooms.history({ room: 'lobby', before: 'gone' })).toEqual({ messages: [], hasMore: false })
  })

  it('is in the folder after a restart, and half a line in its file spoils nothing', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'chat-'))
    try {
      const store = await Store.open(['lobby'], folder)
      const { message } = await store.add({ id: '1', room: 'lobby', from: 'Ann', text: 'kept' })
      const file = await readFile(join(folder, 'messages.jsonl'), 'utf8')
      expect(JSON.parse(file)).toMatchObject({ text: 'kept' })
      await appendFile(join(folder, 'messages.jsonl'), '\n{"id":"2","room":"lob')
      await store.add({ id: '3', room: 'lobby', from: 'Ann', text: 'kept too' })
      const { messages } = (await Store.open(['lobby'], folder)).page('lobby', 10)
      expect(messages.map(({ text }) => text)).toEqual(['kept', 'kept too'])
      expect(messages[0]).toEqual(message)
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

it('tells who types, by the name of the line', async () => {
  const [ann, bob] = [client('Ann'), client('Bob')]
  const told = take(await ann.api.people.typing(), 2)
  await bob.api.rooms.setTyping({ room: 'lobby', isTyping: true })
  await bob.api.rooms.setTyping({ room: 'lobby', isTyping: false })
  expect(await told).toEqual([
    { room: 'lobby', name: 'Bob', isTyping: true },
    { room: 'lobby', name: 'Bob', isTyping: false },
  ])
})

it('shows a person with two tabs once, until the last of them goes', async () => {
  const [ann, bob, tab] = [client('Ann'), client('Bob'), client('Bob')]
  const lists = (await ann.api.people.here())[Symbol.asyncIterator]()
  const until = async (expected: string[]) => {
    for (let list = await lists.next(); String(list.value) !== String(expected); list = await lists.next());
  }
  await until(['Ann'])
  for (const { api } of [bob, tab]) await api.people.here()
  await until(['Ann', 'Bob'])
  await tab.connection.close()
  expect((await lists.next()).value).toEqual(['Ann', 'Bob'])
  await bob.connection.close()
  await until(['Ann'])
})

it('a line that is cut loses nothing that was said meanwhile, and doubles nothing', async () => {
  const [ann, bob] = [client('Ann'), client('Bob')]
  const heard = take(await ann.api.rooms.messages({ room: 'lobby' }), 3)
  await bob.api.rooms.post({ id: '1', room: 'lobby', text: 'before' })
  pair.isReachable = false
  pair.cut()
  const written = bob.api.rooms.post({ id: '2', room: 'lobby', text: 'while it was down' })
  pair.isReachable = true
  await written
  pair.cut()
  await bob.api.rooms.post({ id: '3', room: 'lobby', text: 'after' })
  expect((await heard).map(({ text }) => text)).toEqual(['before', 'while it was down', 'after'])
})

it('a message of which nobody can tell whether it arrived is sent again without doubling', async () => {
  await pair.close()
  // A server that has lost the session can't tell either.
  pair = start(new CuttingStore([...rooms.keys()], 'behind', () => pair.cut()), { resume: false })
  const [ann, bob] = [client('Ann'), client('Bob')]
  const heard = take(await ann.api.rooms.messages({ room: 'lobby' }), 2)
  const message = { id: 'mine', room: 'lobby', text: 'hello' }
  const lost = await safe(bob.api.rooms.post(message))
  expect(lost).toMatchObject({ ok: false, error: { code: 'CONNECTION_LOST', delivery: 'unknown' } })
  const again = await bob.api.rooms.post(message)
  await bob.api.rooms.post({ ...message, id: 'next' })
  expect((await heard).map(({ id }) => id)).toEqual(['mine', 'next'])
  expect((await bob.api.rooms.history({ room: 'lobby' })).messages[0]).toEqual(again)
})
