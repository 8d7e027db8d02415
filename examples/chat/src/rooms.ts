// What the page says and hears on the line. Turns it into events; does not know what is made of them.
import { safe } from 'trunkline/client'
import type { ChatEvent } from './conversation.ts'
import { type Line, type Message, patient } from './line.ts'

export type Tell = (event: ChatEvent) => void

/** Follows everything: rooms, people, who is typing. Gives the undo, so an effect can return it. */
export function follow(line: Line, tell: Tell): () => void {
  const leaving = new AbortController()
  const { signal } = leaving
  const undo = line.connection.on('change', ({ status }) => status === 'open' && tell({ type: 'written' }))
  for (const task of [
    followRooms(line, tell, signal),
    followPeople(line, tell, signal),
    followTyping(line, tell, signal),
  ])
    task.catch((error: Error) => signal.aborted || tell({ type: 'broken', reason: error.message }))
  return () => {
    undo()
    leaving.abort()
  }
}

async function followRooms(line: Line, tell: Tell, signal: AbortSignal): Promise<void> {
  const rooms = await line.api.rooms.list(undefined, { signal, ...patient })
  tell({ type: 'rooms', rooms })
  await Promise.all(rooms.map(({ name }) => followRoom(line, name, tell, signal)))
}

async function followRoom({ api }: Line, room: string, tell: Tell, signal: AbortSignal): Promise<void> {
  const load = async () =>
    tell({ type: 'latest', room, page: await api.rooms.history({ room }, { signal, ...patient }) })
  // Unless it comes, there is a hole that nobody sees.
  const onGap = () =>
    void load().catch((error: Error) => signal.aborted || tell({ type: 'broken', reason: error.message }))
  // First the subscription, then the history: what is said in between comes twice rather than never.
  const messages = await api.rooms.messages({ room }, { signal, onGap, ...patient })
  await load()
  for await (const message of messages) tell({ type: 'message', message })
}

async function followPeople({ api }: Line, tell: Tell, signal: AbortSignal): Promise<void> {
  for await (const people of api.people.here(undefined, { signal, ...patient })) tell({ type: 'people', people })
}

/** Who says nothing more, not even that typing is over, is taken to have stopped after this. */
const typingMs = 6_000

async function followTyping({ api, name }: Line, tell: Tell, signal: AbortSignal): Promise<void> {
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  signal.addEventListener('abort', () => timers.forEach(clearTimeout))
  for await (const typing of api.people.typing(undefined, { signal, ...patient })) {
    if (typing.name === name) continue
    const key = `${typing.room} ${typing.name}`
    clearTimeout(timers.get(key))
    tell({ type: 'typing', typing })
    if (typing.isTyping)
      timers.set(
        key,
        setTimeout(() => tell({ type: 'typing', typing: { ...typing, isTyping: false } }), typingMs),
      )
  }
}

/** Posts a message. Once more with the same message is the same message: the server knows its id. */
export async function post({ api, connection }: Line, message: Message, tell: Tell): Promise<void> {
  tell({ type: 'sending', message, isWritten: connection.state.status === 'open' })
  const { id, room, text } = message
  const outcome = await safe(api.rooms.post({ id, room, text }, patient))
  if (outcome.ok) tell({ type: 'message', message: outcome.value })
  else tell({ type: 'failed', id, error: outcome.error })
}

/** Loads what was said before a message. */
export async function loadBefore({ api }: Line, { room, id }: Message, tell: Tell): Promise<void> {
  const outcome = await safe(api.rooms.history({ room, before: id }))
  if (outcome.ok) tell({ type: 'earlier', room, before: id, page: outcome.value })
}

/** Tells the others that somebody types here: at most every two seconds, and never late. */
export function makeTypist({ api, connection }: Line, room: string): (isTyping: boolean) => void {
  let toldAt = 0
  return (isTyping) => {
    const now = Date.now()
    if (connection.state.status !== 'open' || (isTyping ? now - toldAt < 2_000 : toldAt === 0)) return
    toldAt = isTyping ? now : 0
    api.rooms.setTyping({ room, isTyping }, { timeoutMs: 2_000 }).catch(() => {})
  }
}

/** 96 random bits. `crypto.randomUUID` is missing on a plain http: page, which a phone on the same network gets. */
export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
