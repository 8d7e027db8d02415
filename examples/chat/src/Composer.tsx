// Where a message is written. Works while the line is down: what is said then is sent when it is back.
import type { KeyboardEvent } from 'react'

export function Composer({ room, onSay }: { room: string; onSay: (text: string) => void }) {
  return (
    <form
      className="composer field"
      onSubmit={(event) => {
        event.preventDefault()
        const text = String(new FormData(event.currentTarget).get('text')).trim()
        event.currentTarget.reset()
        if (text) onSay(text)
      }}
    >
      <textarea
        name="text"
        rows={1}
        maxLength={2000}
        aria-label={`Message to ${room}`}
        placeholder={`Message to ${room}`}
        onKeyDown={(event) => {
          if (!isSending(event)) return
          event.preventDefault()
          event.currentTarget.form?.requestSubmit()
        }}
      />
      <button type="submit">Send</button>
    </form>
  )
}

/** Enter alone; with Shift it is a new line, and while a word is being composed it is the input method's. */
function isSending({ key, shiftKey, nativeEvent }: KeyboardEvent): boolean {
  return key === 'Enter' && !shiftKey && !nativeEvent.isComposing
}
