// The keys, in a dialog: `?` opens it, Escape closes it.
import type { Ref } from 'react'

const shortcuts: readonly (readonly [keys: readonly string[], what: string])[] = [
  [['Enter'], 'Send'],
  [['Shift', 'Enter'], 'New line'],
  [['Alt', '↑'], 'Room before'],
  [['Alt', '↓'], 'Room after'],
  [['Esc'], 'To the newest message, and to writing'],
  [['Page Up'], 'Earlier messages, with the messages in focus'],
  [['?'], 'These keys'],
]

export function Shortcuts({ ref }: { ref: Ref<HTMLDialogElement> }) {
  return (
    <dialog ref={ref} aria-labelledby="shortcuts">
      <h2 id="shortcuts">Keyboard shortcuts</h2>
      <dl>
        {shortcuts.map(([keys, what]) => (
          <div key={what}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <form method="dialog" className="dialog-end">
        <button type="submit">Close</button>
      </form>
    </dialog>
  )
}
