// Where a message is written. Works while the line is down: what is said then is sent when it is back.
import { type KeyboardEvent, type Ref, useEffect, useState, useSyncExternalStore } from 'react'
import { Icon } from './Icon.tsx'
import type { Line, Room } from './line.ts'
import { makeTypist } from './rooms.ts'

interface ComposerProps {
  ref: Ref<HTMLTextAreaElement>
  line: Line
  room: Room
  /** What was begun in each room. */
  drafts: Map<string, string>
  onSay: (text: string) => void
}

export function Composer({ ref, line, room, drafts, onSay }: ComposerProps) {
  const { status } = useSyncExternalStore(line.connection.subscribe, line.connection.getSnapshot)
  const [text, setText] = useState(drafts.get(room.name) ?? '')
  useEffect(() => void drafts.set(room.name, text), [drafts, room.name, text])
  const [tellTyping] = useState(() => makeTypist(line, room.name))
  useEffect(() => () => tellTyping(false), [tellTyping])

  if (!room.canPost) {
    return (
      <p className="composer read-only">
        <Icon name="lock" /> Only the desk writes here.
      </p>
    )
  }
  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault()
        tellTyping(false)
        setText('')
        if (text.trim()) onSay(text.trim())
      }}
    >
      <textarea
        ref={ref}
        id="message"
        name="text"
        rows={1}
        maxLength={2000}
        enterKeyHint="send"
        value={text}
        aria-label={`Message to ${room.name}`}
        placeholder={status === 'open' ? `Message to ${room.name}` : 'Is sent when the line is back'}
        onChange={({ currentTarget: { value } }) => {
          setText(value)
          tellTyping(value.trim() !== '')
        }}
        onKeyDown={(event) => {
          if (!isSending(event)) return
          event.preventDefault()
          event.currentTarget.form?.requestSubmit()
        }}
      />
      <button type="submit" aria-label="Send" disabled={!text.trim()}>
        <Icon name="send" />
      </button>
    </form>
  )
}

/** Enter alone; with Shift it is a new line, and while a word is being composed it is the input method's. */
function isSending({ key, shiftKey, nativeEvent }: KeyboardEvent): boolean {
  return key === 'Enter' && !shiftKey && !nativeEvent.isComposing
}
