// What is on the screen, as a reducer: messages by room, each once, and those of ours that are still on their way.
import type { RpcError } from 'trunkline/client'
import type { Message } from './line.ts'

export interface Outgoing {
  readonly message: Message
  /** Undefined while it is being sent. */
  readonly error: RpcError | undefined
}

export interface Conversation {
  readonly rooms: Readonly<Record<string, readonly Message[]>>
  readonly outgoing: readonly Outgoing[]
}

export type Event =
  | { readonly type: 'history'; readonly room: string; readonly messages: readonly Message[] }
  | { readonly type: 'message'; readonly message: Message }
  | { readonly type: 'sending'; readonly message: Message }
  | { readonly type: 'failed'; readonly id: string; readonly error: RpcError }
  | { readonly type: 'discarded'; readonly id: string }

export const nothing: Conversation = { rooms: {}, outgoing: [] }

/** Messages a page keeps of a room. */
const kept = 1000

export function converse(state: Conversation, event: Event): Conversation {
  switch (event.type) {
    case 'history':
      return addHistory(state, event.room, event.messages)
    case 'message':
      return arrived(state, event.message.room, [...(state.rooms[event.message.room] ?? []), event.message])
    case 'sending':
      return { ...state, outgoing: [...without(state, event.message.id), { message: event.message, error: undefined }] }
    case 'failed':
      return {
        ...state,
        outgoing: state.outgoing.map((one) => (one.message.id === event.id ? { ...one, error: event.error } : one)),
      }
    case 'discarded':
      return { ...state, outgoing: without(state, event.id) }
  }
}

/** What is older than the history's first is let go: after a long absence there may be a hole before it. */
function addHistory(state: Conversation, room: string, messages: readonly Message[]): Conversation {
  const [first] = messages
  const known = (state.rooms[room] ?? []).filter(({ at }) => first === undefined || at >= first.at)
  return arrived(state, room, [...known, ...messages])
}

function arrived(state: Conversation, room: string, messages: readonly Message[]): Conversation {
  const byId = new Map(messages.map((message) => [message.id, message]))
  const sorted = [...byId.values()].sort((a, b) => a.at.getTime() - b.at.getTime())
  return {
    rooms: { ...state.rooms, [room]: sorted.slice(-kept) },
    outgoing: state.outgoing.filter(({ message }) => !byId.has(message.id)),
  }
}

function without({ outgoing }: Conversation, id: string): Outgoing[] {
  return outgoing.filter(({ message }) => message.id !== id)
}
