// What the page makes of what it hears: messages once and in order, holes let go, and what is unread.
import { expect, it } from 'vitest'
import { begin, type ChatEvent, type Conversation, converse, unreadOf } from '../src/conversation.ts'
import type { Message, Page } from '../src/line.ts'

const message = (at: number, from = 'Bob', id = String(at)): Message => ({
  id,
  room: 'lobby',
  from,
  text: `said at ${at}`,
  at: new Date(at),
})
const page = (hasMore: boolean, ...times: number[]): Page => ({ messages: times.map((at) => message(at)), hasMore })
const latest = (page: Page): ChatEvent => ({ type: 'latest', room: 'lobby', page })
const after = (...events: ChatEvent[]): Conversation => events.reduce(converse, begin({}))
const times = ({ logs }: Conversation) => logs.lobby?.messages.map(({ at }) => at.getTime())

it('joins a newer page to what is known where they meet', () => {
  const chat = after(latest(page(true, 4, 5)), { type: 'message', message: message(6) }, latest(page(true, 5, 6, 7)))
  expect(times(chat)).toEqual([4, 5, 6, 7])
  expect(chat.logs.lobby?.hasMore).toBe(true)
})

it('lets go of what is before a hole, and can load it again', () => {
  const chat = after(latest(page(false, 1, 2)), latest(page(true, 8, 9)))
  expect(times(chat)).toEqual([8, 9])
  expect(chat.logs.lobby?.hasMore).toBe(true)
})

it('puts earlier messages only in front of the one they were asked for', () => {
  const earlier: ChatEvent = { type: 'earlier', room: 'lobby', before: '8', page: page(false, 6, 7) }
  expect(times(after(latest(page(true, 8, 9)), earlier))).toEqual([6, 7, 8, 9])
  expect(times(after(latest(page(true, 8, 9)), latest(page(true, 20, 21)), earlier))).toEqual([20, 21])
})

it('keeps a message as it was known first, so that nothing read becomes unread', () => {
  const chat = after(latest(page(false, 1, 2)), latest({ messages: [message(50, 'Bob', '2')], hasMore: false }))
  expect(times(chat)).toEqual([1, 2])
  expect(unreadOf(chat, 'lobby', 'Ann')).toEqual([])
})

it('counts what others said since a room was looked at, and nothing of a first visit', () => {
  const first = after(latest(page(true, 1, 2)))
  expect(unreadOf(first, 'lobby', 'Ann')).toEqual([])
  const later = [message(3), message(4, 'Ann'), message(5)]
  const chat = later.reduce((state, one) => converse(state, { type: 'message', message: one }), first)
  expect(unreadOf(chat, 'lobby', 'Ann')).toEqual([message(3), message(5)])
  expect(unreadOf(converse(chat, { type: 'read', room: 'lobby' }), 'lobby', 'Ann')).toEqual([])
})
