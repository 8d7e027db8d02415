// The conversation on a line, for React: what is known, and what can be done about it.
import { useEffect, useLayoutEffect, useReducer } from 'react'
import { begin, converse } from './conversation.ts'
import type { Line, Message } from './line.ts'
import { loadRead, rememberRead } from './remember.ts'
import { follow, loadBefore, post, randomId } from './rooms.ts'

export function useChat(line: Line) {
  const [chat, tell] = useReducer(converse, line.name, (name) => begin(loadRead(name)))
  useEffect(() => follow(line, tell), [line])
  // At once: a page may be left at any time.
  useLayoutEffect(() => rememberRead(line.name, chat.read), [line, chat.read])
  return {
    chat,
    say: (room: string, text: string) =>
      post(line, { id: randomId(), room, from: line.name, text, at: new Date() }, tell),
    /** With the same id: if it had arrived after all, the server knows it. */
    sendAgain: (message: Message) => post(line, message, tell),
    discard: (id: string) => tell({ type: 'discarded', id }),
    loadBefore: (message: Message) => loadBefore(line, message, tell),
    markRead: (room: string) => tell({ type: 'read', room }),
  }
}

export type ChatActions = Omit<ReturnType<typeof useChat>, 'chat'>
