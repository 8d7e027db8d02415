// One message, and how far it has come: what is shown is what is known, no more.
import type { RpcError } from 'trunkline/client'
import { Avatar } from './Avatar.tsx'
import { Icon, type IconName } from './Icon.tsx'
import type { Message } from './line.ts'
import type { ChatActions } from './useChat.ts'

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })

interface Way {
  readonly isWritten: boolean
  readonly error: RpcError | undefined
}

interface SaidProps {
  message: Message
  /** Undefined when the server has it. */
  way: Way | undefined
  isOwn: boolean
  /** Of those of one sender that stand together. */
  isFirst: boolean
  isLast: boolean
  actions: ChatActions
}

export function Said({ message, way, isOwn, isFirst, isLast, actions }: SaidProps) {
  const marks = ['message', isOwn && 'own', isFirst && 'first', isLast && 'last'].filter(Boolean).join(' ')
  return (
    <li className={marks} data-way={way ? (way.error ? 'failed' : 'under-way') : undefined}>
      {!isOwn && isFirst && <Avatar name={message.from} />}
      {isFirst && !isOwn ? <b>{message.from}</b> : <span className="spoken">{isOwn ? 'You' : message.from}: </span>}
      <div className="bubble">
        <p>{message.text}</p>
        <span className="meta">
          <time dateTime={message.at.toISOString()}>{time.format(message.at)}</time>
          {isOwn && <Tick way={way} />}
        </span>
      </div>
      {way?.error && <Failure message={message} error={way.error} actions={actions} />}
    </li>
  )
}

function Tick({ way }: { way: Way | undefined }) {
  const [icon, words] = tickOf(way)
  return (
    <span className="tick" data-icon={icon} role="img" aria-label={words} title={words}>
      <Icon name={icon} />
    </span>
  )
}

function tickOf(way: Way | undefined): [icon: IconName, words: string] {
  if (!way) return ['delivered', 'Delivered']
  if (way.error) return ['warning', way.error.delivery === 'unknown' ? 'Perhaps delivered' : 'Not delivered']
  return way.isWritten ? ['sent', 'Sent, not confirmed yet'] : ['clock', 'Waiting for the line']
}

/** Sending again is safe whatever has happened: the message keeps its id. What was refused would be refused again. */
function Failure({ message, error, actions }: { message: Message; error: RpcError; actions: ChatActions }) {
  return (
    <div className="failure">
      <span>{explain(error)}</span>
      {error.delivery !== 'ran' && (
        <button type="button" onClick={() => actions.sendAgain(message)}>
          Send again
        </button>
      )}
      <button type="button" className="quiet" onClick={() => actions.discard(message.id)}>
        Discard
      </button>
    </div>
  )
}

function explain({ delivery, message }: RpcError): string {
  if (delivery === 'unknown') return 'The line broke: nobody can tell whether this has arrived.'
  return delivery === 'ran' ? `Refused: ${message}` : `Not sent: ${message}`
}
