// What the page knows, as a reducer: rooms, messages each once, those of ours still on their way, who is here and who types.
import type { RpcError } from 'trunkline/client'
import type { Message, Page, Room, Typing } from './line.ts'

/** A message of ours that the server has not confirmed. */
export interface Outgoing {
  readonly message: Message
  /** Given to an open line; before that it has left nobody's hands. */
  readonly isWritten: boolean
  /** Undefined while it is under way. */
  readonly error: RpcError | undefined
}

/** By room, the newest message that has been looked at, in ms. */
export type ReadMarks = Readonly<Record<string, number>>

export interface Conversation {
  /** Undefined until they are loaded. */
  readonly rooms: readonly Room[] | undefined
  readonly logs: Readonly<Record<string, Page>>
  readonly outgoing: readonly Outgoing[]
  readonly people: readonly string[]
  readonly typing: readonly Typing[]
  readonly read: ReadMarks
  /** Why nothing comes any more. */
  readonly brokenBy: string | undefined
}

export type ChatEvent =
  | { readonly type: 'rooms'; readonly rooms: readonly Room[] }
  | { readonly type: 'latest'; readonly room: string; readonly page: Page }
  | { readonly type: 'earlier'; readonly room: string; readonly before: string; readonly page: Page }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'sending'; readonly message: Message; readonly isWritten: boolean }
  | { readonly type: 'written' }
  | { readonly type: 'failed'; readonly id: string; readonly error: RpcError }
  | { readonly type: 'discarded'; readonly id: string }
  | { readonly type: 'people'; readonly people: readonly string[] }
  | { readonly type: 'typing'; readonly typing: Typing }
  | { readonly type: 'read'; readonly room: string }
  | { readonly type: 'broken'; readonly reason: string }

export function begin(read: ReadMarks): Conversation {
  return { rooms: undefined, logs: {}, outgoing: [], people: [], typing: [], read, brokenBy: undefined }
}

export function converse(state: Conversation, event: ChatEvent): Conversation {
  switch (event.type) {
    case 'rooms':
      return { ...state, rooms: event.rooms }
    case 'latest':
      return addLatest(state, event.room, event.page)
    case 'earlier':
      return addEarlier(state, event.room, event.before, event.page)
    case 'message':
      return addMessage(state, event.message)
    case 'sending':
      return send(state, { message: event.message, isWritten: event.isWritten, error: undefined })
    case 'written':
      return { ...state, outgoing: state.outgoing.map((one) => (one.isWritten ? one : { ...one, isWritten: true })) }
    case 'failed':
      return fail(state, event.id, event.error)
    case 'discarded':
      return { ...state, outgoing: without(state.outgoing, event.id) }
    case 'people':
      return { ...state, people: event.people }
    case 'typing':
      return { ...state, typing: type(state.typing, event.typing) }
    case 'read':
      return markRead(state, event.room)
    case 'broken':
      return { ...state, brokenBy: event.reason }
  }
}

/** What is unread in a room: said by others since it was last looked at. */
export function unreadOf({ logs, read }: Conversation, room: string, ownName: string): Message[] {
  const mark = read[room] ?? Number.POSITIVE_INFINITY
  return (logs[room]?.messages ?? []).filter(({ from, at }) => from !== ownName && at.getTime() > mark)
}

/** Joined to what is known where they meet; else what is older is let go, since there may be a hole before the page. */
function addLatest(state: Conversation, room: string, page: Page): Conversation {
  const known = state.logs[room] ?? { messages: [], hasMore: false }
  const ids = new Set(known.messages.map(({ id }) => id))
  const [first] = page.messages
  const joins = page.messages.some(({ id }) => ids.has(id)) || !page.hasMore
  const kept = known.messages.filter(({ at }) => joins || first === undefined || at >= first.at)
  const hasMore = page.hasMore && (joins && kept.length > 0 ? known.hasMore : true)
  const next = keep(state, room, { messages: [...kept, ...page.messages], hasMore })
  // A room that was never looked at has nothing unread: all of it is new.
  return Object.hasOwn(state.read, room) ? next : markRead(next, room)
}

/** Only in front of the message it was asked for: meanwhile that one may have been let go. */
function addEarlier(state: Conversation, room: string, before: string, page: Page): Conversation {
  const known = state.logs[room]
  if (known?.messages[0]?.id !== before) return state
  return keep(state, room, { messages: [...page.messages, ...known.messages], hasMore: page.hasMore })
}

function addMessage(state: Conversation, message: Message): Conversation {
  const { messages = [], hasMore = true } = state.logs[message.room] ?? {}
  const next = keep(state, message.room, { messages: [...messages, message], hasMore })
  return { ...next, typing: type(state.typing, { room: message.room, name: message.from, isTyping: false }) }
}

/** Each message once, as it was known first, in order; what has arrived is no longer under way. */
function keep(state: Conversation, room: string, { messages, hasMore }: Page): Conversation {
  const byId = new Map([...messages].reverse().map((message) => [message.id, message]))
  const sorted = [...byId.values()].sort((a, b) => a.at.getTime() - b.at.getTime())
  return {
    ...state,
    logs: { ...state.logs, [room]: { messages: sorted, hasMore } },
    outgoing: state.outgoing.filter(({ message }) => !byId.has(message.id)),
  }
}

function send(state: Conversation, outgoing: Outgoing): Conversation {
  return { ...state, outgoing: [...without(state.outgoing, outgoing.message.id), outgoing] }
}

function fail(state: Conversation, id: string, error: RpcError): Conversation {
  return { ...state, outgoing: state.outgoing.map((one) => (one.message.id === id ? { ...one, error } : one)) }
}

function type(typing: readonly Typing[], change: Typing): readonly Typing[] {
  const others = typing.filter(({ room, name }) => room !== change.room || name !== change.name)
  if (change.isTyping) return [...others, change]
  return others.length === typing.length ? typing : others
}

function markRead(state: Conversation, room: string): Conversation {
  const mark = state.logs[room]?.messages.at(-1)?.at.getTime() ?? 0
  return state.read[room] === mark ? state : { ...state, read: { ...state.read, [room]: mark } }
}

function without(outgoing: readonly Outgoing[], id: string): Outgoing[] {
  return outgoing.filter(({ message }) => message.id !== id)
}
