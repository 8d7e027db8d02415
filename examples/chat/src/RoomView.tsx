// One room: its messages, who types, and where to write. Knows where the reader is, and so what has been read.
import { useEffect, useRef, useState } from 'react'
import { Composer } from './Composer.tsx'
import { type Conversation, unreadOf } from './conversation.ts'
import { Icon } from './Icon.tsx'
import type { Line, Room } from './line.ts'
import { Messages, nearPx } from './Messages.tsx'
import type { ChatActions } from './useChat.ts'

interface RoomViewProps {
  line: Line
  room: Room
  chat: Conversation
  drafts: Map<string, string>
  actions: ChatActions
}

export function RoomView({ line, room, chat, drafts, actions }: RoomViewProps) {
  const scroller = useRef<HTMLDivElement>(null)
  const composer = useRef<HTMLTextAreaElement>(null)
  const [isAtEnd, setAtEnd] = useState(true)
  const unread = unreadOf(chat, room.name, line.name)
  // Where the reading went on when this room was opened.
  const [firstUnread] = useState(unread[0]?.id)
  useReading(isAtEnd && unread.length > 0, () => actions.markRead(room.name))

  const toEnd = () => {
    scroller.current?.scrollTo({ top: 0 })
    const isTouch = matchMedia('(pointer: coarse)').matches
    if (!isTouch) composer.current?.focus()
  }
  useEscape(toEnd)

  return (
    <>
      <div
        ref={scroller}
        className="scroll"
        // Turned round by the style sheet: 0 is the newest message, and what is further up is negative.
        onScroll={({ currentTarget }) => setAtEnd(currentTarget.scrollTop > -nearPx)}
      >
        <Messages
          room={room}
          log={chat.logs[room.name]}
          outgoing={chat.outgoing.filter(({ message }) => message.room === room.name)}
          ownName={line.name}
          firstUnread={firstUnread}
          scroller={scroller}
          actions={actions}
        />
      </div>
      <div className="foot">
        {!isAtEnd && (
          <button type="button" className="newest" onClick={toEnd}>
            <Icon name="down" />
            {unread.length > 0 ? `${unread.length} new` : 'Newest'}
          </button>
        )}
        <TypingNames names={chat.typing.filter((one) => one.room === room.name).map(({ name }) => name)} />
        <Composer
          ref={composer}
          line={line}
          room={room}
          drafts={drafts}
          onSay={(text) => {
            actions.say(room.name, text)
            scroller.current?.scrollTo({ top: 0 })
          }}
        />
      </div>
    </>
  )
}

/** Not a live region: read aloud, it would interrupt all the time. */
function TypingNames({ names }: { names: readonly string[] }) {
  const [first, second] = names
  const who = names.length > 2 ? 'Several people' : second ? `${first} and ${second}` : first
  return (
    <p className="typing">
      {who && (
        <>
          <span className="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {who} {names.length > 1 ? 'are' : 'is'} typing …
        </>
      )}
    </p>
  )
}

/** Reads while there is something to read and the page can be seen. */
function useReading(isReading: boolean, onRead: () => void): void {
  useEffect(() => {
    if (!isReading) return
    const read = () => document.visibilityState === 'visible' && onRead()
    read()
    document.addEventListener('visibilitychange', read)
    return () => document.removeEventListener('visibilitychange', read)
  })
}

function useEscape(onEscape: () => void): void {
  useEffect(() => {
    const listener = ({ key }: KeyboardEvent) => {
      if (key === 'Escape' && !document.querySelector('dialog[open], [data-drawer]')) onEscape()
    }
    addEventListener('keydown', listener)
    return () => removeEventListener('keydown', listener)
  })
}
