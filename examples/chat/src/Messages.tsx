// A room's messages: grouped by day and sender, then those of ours that have not arrived yet.
import { Fragment } from 'react'
import type { RpcError } from 'trunkline/client'
import { Avatar } from './Avatar.tsx'
import type { Outgoing } from './conversation.ts'
import type { Message } from './line.ts'

const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

/** Messages of one sender closer than this stand together. */
const togetherMs = 5 * 60_000

interface MessagesProps {
  messages: readonly Message[] | undefined
  outgoing: readonly Outgoing[]
  ownName: string
  onSendAgain: (message: Message) => void
  onDiscard: (id: string) => void
}

export function Messages({ messages, outgoing, ownName, onSendAgain, onDiscard }: MessagesProps) {
  const isEmpty = messages?.length === 0 && outgoing.length === 0
  return (
    // Turned round by the style sheet, so that it stays at the newest message unless somebody scrolls up.
    <div className="scroll">
      <ol role="log" aria-label="Messages">
        {messages === undefined && <li className="hint">Loading …</li>}
        {isEmpty && <li className="hint">Nobody has said anything yet.</li>}
        {messages?.map((message, index) => (
          <Fragment key={message.id}>
            {isNewDay(messages[index - 1], message) && <li className="day">{day.format(message.at)}</li>}
            <Said message={message} isOwn={message.from === ownName} isFirst={isFirst(messages[index - 1], message)} />
          </Fragment>
        ))}
        {outgoing.map(({ message, error }) => (
          <li key={message.id} className="message own first" data-state={error ? 'failed' : 'sending'}>
            <p>{message.text}</p>
            {error ? (
              <div className="failed">
                <span>{explain(error)}</span>
                <button type="button" onClick={() => onSendAgain(message)}>
                  Send again
                </button>
                <button type="button" className="quiet" onClick={() => onDiscard(message.id)}>
                  Discard
                </button>
              </div>
            ) : (
              <small>sending …</small>
            )}
          </li>
        ))}
      </ol>
    </div>
  )
}

function Said({ message, isOwn, isFirst }: { message: Message; isOwn: boolean; isFirst: boolean }) {
  return (
    <li className={`message${isOwn ? ' own' : ''}${isFirst ? ' first' : ''}`}>
      {isFirst && (
        <header>
          {!isOwn && <Avatar name={message.from} />}
          <b>{isOwn ? 'You' : message.from}</b>
          <time dateTime={message.at.toISOString()}>{time.format(message.at)}</time>
        </header>
      )}
      <p>{message.text}</p>
    </li>
  )
}

function isNewDay(before: Message | undefined, message: Message): boolean {
  return before?.at.toDateString() !== message.at.toDateString()
}

function isFirst(before: Message | undefined, message: Message): boolean {
  if (!before || before.from !== message.from || isNewDay(before, message)) return true
  return message.at.getTime() - before.at.getTime() > togetherMs
}

function explain({ delivery, message }: RpcError): string {
  if (delivery === 'unknown') return 'The line broke: nobody can tell whether this has arrived.'
  return `Not sent: ${message}`
}
