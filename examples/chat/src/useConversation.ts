// A room's conversation, live: what was said, what is being said, and sending.
import { useEffect, useReducer, useState } from 'react'
import { safe } from 'trunkline/client'
import { converse, nothing } from './conversation.ts'
import { type Line, listen, type Message, patient } from './line.ts'

export function useConversation({ api, name }: Line, room: string) {
  const [conversation, tell] = useReducer(converse, nothing)
  const [failure, setFailure] = useState<Error>()

  useEffect(() => {
    setFailure(undefined)
    const load = (signal: AbortSignal) => {
      const answer = api.rooms.history({ room }, { signal, ...patient })
      answer.then(
        (messages) => tell({ type: 'history', room, messages }),
        (error: Error) => signal.aborted || setFailure(error),
      )
    }
    return listen(
      (signal) => {
        // First the subscription, then the history: what is said in between comes twice rather than never.
        const onGap = () => load(signal)
        const messages = api.rooms.messages({ room }, { signal, onGap, ...patient })
        load(signal)
        return messages
      },
      (message) => tell({ type: 'message', message }),
      setFailure,
    )
  }, [api, room])

  const send = async (message: Message) => {
    tell({ type: 'sending', message })
    const outcome = await safe(api.rooms.post({ room: message.room, id: message.id, text: message.text }))
    if (outcome.ok) tell({ type: 'message', message: outcome.value })
    else tell({ type: 'failed', id: message.id, error: outcome.error })
  }

  return {
    /** Undefined until they are loaded. */
    messages: conversation.rooms[room],
    outgoing: conversation.outgoing.filter(({ message }) => message.room === room),
    failure,
    say: (text: string) => send({ id: randomId(), room, from: name, text, at: new Date() }),
    /** With the same id: if it had arrived after all, the server knows it. */
    sendAgain: send,
    discard: (id: string) => tell({ type: 'discarded', id }),
  }
}

/** 96 random bits. `crypto.randomUUID` is missing on a plain http: page, which a phone on the same network gets. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
