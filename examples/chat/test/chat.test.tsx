// @vitest-environment happy-dom
// The page's component on the real app, joined in memory: no browser, no network, and nothing mocked.
import { cleanup, configure, render, screen, within } from '@testing-library/react'
import { userEvent } from '@testing-library/user-event'
import { createPair, type Pair } from 'trunkline/testing'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { authenticate, createChat, rooms } from '../app.ts'
import type { chat } from '../contract.ts'
import { Chat } from '../src/Chat.tsx'
import { Store } from '../store.ts'
import { CuttingStore } from './cutting-store.ts'

// The line comes back in half a second at most; a busy machine takes its time.
configure({ asyncUtilTimeout: 15_000 })

const names = [...rooms.keys()]
let pair: Pair<typeof chat>

const start = (store: Store, options: { resume?: false } = {}): Pair<typeof chat> =>
  createPair(createChat(store), { authenticate, ...options })

beforeEach(() => {
  localStorage.clear()
  location.hash = ''
  pair = start(new Store(names))
})
afterEach(async () => {
  cleanup()
  await pair.close()
})

/** A line of the pair instead of a dialled one: the component can't tell them apart. */
function show(name: string) {
  const line = { name, ...pair.createClient({ params: { name } }) }
  render(<Chat line={line} onConnect={() => {}} onLeave={() => {}} />)
}

const message = async (text: string) => {
  const item = (await screen.findByText(text)).closest('li')
  if (!item) throw new Error(`"${text}" is in no list`)
  return within(item)
}

/** What Bob finds in the lobby. */
async function stored(): Promise<string[]> {
  const { messages } = await pair.createClient({ params: { name: 'Bob' } }).api.rooms.history({ room: 'lobby' })
  return messages.map(({ text }) => text)
}

it('shows what is said, and ticks what was delivered', async () => {
  show('Ann')
  await userEvent.type(await screen.findByRole('textbox', { name: 'Message to lobby' }), 'hello{Enter}')
  await (await message('hello')).findByRole('img', { name: 'Delivered' })
  await pair.createClient({ params: { name: 'Bob' } }).api.rooms.post({ id: '1', room: 'lobby', text: 'hi Ann' })
  const answer = await message('hi Ann')
  expect(answer.getByText('Bob')).toBeTruthy()
  expect(answer.queryByRole('img')).toBeNull()
})

it('counts what is unread elsewhere, and who types here', async () => {
  show('Ann')
  await screen.findByRole('textbox')
  const { api } = pair.createClient({ params: { name: 'Bob' } })
  await api.rooms.post({ id: '1', room: 'workshop', text: 'over here' })
  await screen.findByRole('link', { name: 'workshop 1 unread' })
  await api.rooms.setTyping({ room: 'lobby', isTyping: true })
  await screen.findByText('Bob is typing …')
  await api.rooms.post({ id: '2', room: 'lobby', text: 'and here' })
  await message('and here')
  expect(screen.queryByText('Bob is typing …')).toBeNull()
})

it('keeps what is written while the line is down, and sends it once', async () => {
  show('Ann')
  const box = await screen.findByRole('textbox')
  pair.isReachable = false
  pair.cut()
  expect((await screen.findByRole('status')).textContent).toBe('Offline')
  await userEvent.type(box, 'anybody?{Enter}')
  await (await message('anybody?')).findByRole('img', { name: 'Waiting for the line' })
  pair.isReachable = true
  await userEvent.click(await screen.findByRole('button', { name: 'Try now' }))
  await (await message('anybody?')).findByRole('img', { name: 'Delivered' })
  expect(await stored()).toEqual(['anybody?'])
})

it('says so when nobody can tell whether a message arrived, and sends it again as the same', async () => {
  await pair.close()
  // A server that has lost the session: with one that hasn't, nothing is in doubt.
  pair = start(new CuttingStore(names, 'before', () => pair.cut()), { resume: false })
  show('Ann')
  await userEvent.type(await screen.findByRole('textbox'), 'just about{Enter}')
  await (await message('just about')).findByRole('img', { name: 'Perhaps delivered' })
  expect(await stored()).toEqual([])
  await userEvent.click(await screen.findByRole('button', { name: 'Send again' }))
  await (await message('just about')).findByRole('img', { name: 'Delivered' })
  expect(await stored()).toEqual(['just about'])
})

it('knows that a message arrived although its answer was lost: the room itself brings it', async () => {
  await pair.close()
  pair = start(new CuttingStore(names, 'behind', () => pair.cut()))
  show('Ann')
  await userEvent.type(await screen.findByRole('textbox'), 'only just{Enter}')
  await (await message('only just')).findByRole('img', { name: 'Delivered' })
  expect(screen.queryByRole('button', { name: 'Send again' })).toBeNull()
  expect(screen.getAllByText('only just')).toHaveLength(1)
  expect(await stored()).toEqual(['only just'])
})
