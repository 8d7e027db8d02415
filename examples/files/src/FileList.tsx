// What the server has. A file is deleted for everybody, so that takes two presses.
import { useRef, useState } from 'react'
import { Icon } from './Icon.tsx'
import type { StoredFile } from './line.ts'
import { sizeInWords } from './words.ts'

interface FileActions {
  onDownload: (file: StoredFile) => void
  onRemove: (file: StoredFile) => void
}

export function FileList({ files, ...actions }: FileActions & { files: readonly StoredFile[] | undefined }) {
  if (!files) return <p className="hint">Waiting for the server …</p>
  if (files.length === 0) return <p className="hint">Nothing yet.</p>
  return (
    <ul>
      {files.map((file) => (
        <FileRow key={file.id} file={file} {...actions} />
      ))}
    </ul>
  )
}

function FileRow({ file, onDownload, onRemove }: FileActions & { file: StoredFile }) {
  const { name, size, at, sha256 } = file
  const [isAsked, setAsked] = useState(false)
  /** The focus follows the question, and goes back behind it. */
  const hasFocus = useRef(false)
  const focus = (button: HTMLButtonElement | null) => {
    if (hasFocus.current) button?.focus()
    if (button) hasFocus.current = false
  }
  const ask = (isAsked: boolean) => {
    hasFocus.current = true
    setAsked(isAsked)
  }
  return (
    <li className="file">
      <div className="what">
        <p className="name">{name}</p>
        <p className="state">
          {sizeInWords(size)} · <time dateTime={at.toISOString()}>{when(at)}</time>
        </p>
        <p className="checksum">{`SHA-256 ${sha256}`}</p>
      </div>
      {isAsked ? (
        <div className="actions">
          <button ref={focus} type="button" className="danger" onClick={() => onRemove(file)}>
            Delete<span className="spoken"> {name} for everybody</span>
          </button>
          <button type="button" className="plain" onClick={() => ask(false)}>
            Keep<span className="spoken"> {name}</span>
          </button>
        </div>
      ) : (
        <div className="actions">
          <button type="button" className="icon-button" title="Download" onClick={() => onDownload(file)}>
            <Icon name="down" />
            <span className="spoken">Download {name}</span>
          </button>
          <button ref={focus} type="button" className="icon-button" title="Delete" onClick={() => ask(true)}>
            <Icon name="bin" />
            <span className="spoken">Delete {name} …</span>
          </button>
        </div>
      )}
    </li>
  )
}

const when = (at: Date): string => at.toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
