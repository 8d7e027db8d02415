// Where files come from: chosen by the button, or dropped anywhere on the page.
import { useEffect, useRef, useState } from 'react'
import { Icon } from './Icon.tsx'

export function DropZone({ onFiles }: { onFiles: (files: File[]) => void }) {
  const input = useRef<HTMLInputElement>(null)
  const isOver = useDrop(onFiles)
  return (
    <div className="drop" data-over={isOver || undefined}>
      <Icon name="up" />
      <p>
        {isOver ? (
          'Let go to upload'
        ) : (
          <>
            <span className="by-mouse">Drop files here</span>
            <span className="by-touch">Send files</span>
          </>
        )}
        <small>Any size. A lost connection costs nothing: it goes on where it was.</small>
      </p>
      <button type="button" onClick={() => input.current?.click()}>
        Choose files
      </button>
      <input
        ref={input}
        type="file"
        multiple
        hidden
        aria-label="Files"
        onChange={({ target }) => {
          onFiles([...(target.files ?? [])])
          // The same file may be chosen once more.
          target.value = ''
        }}
      />
    </div>
  )
}

/** Listens on the whole page, so that a file dropped beside it does not replace the page. */
function useDrop(onFiles: (files: File[]) => void): boolean {
  const [isOver, setOver] = useState(false)
  const latest = useRef(onFiles)
  useEffect(() => {
    latest.current = onFiles
  })
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const over = (event: DragEvent) => {
      event.preventDefault()
      setOver(event.dataTransfer?.types.includes('Files') ?? false)
    }
    const leave = ({ relatedTarget }: DragEvent) => setOver((isOver) => isOver && relatedTarget !== null)
    const drop = (event: DragEvent) => {
      event.preventDefault()
      setOver(false)
      latest.current([...(event.dataTransfer?.files ?? [])])
    }
    addEventListener('dragover', over, { signal })
    addEventListener('dragleave', leave, { signal })
    addEventListener('drop', drop, { signal })
    return () => controller.abort()
  }, [])
  return isOver
}
