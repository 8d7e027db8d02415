// The page: where files are dropped, what this page sends and fetches, and what the server has.
import { useEffect, useState, useSyncExternalStore } from 'react'
import { DropZone } from './DropZone.tsx'
import { FileList } from './FileList.tsx'
import { LineState, useLineState } from './LineState.tsx'
import { type Line, patient, type StoredFile } from './line.ts'
import { TransferRow } from './TransferRow.tsx'
import { type Transfer, Transfers } from './transfers.ts'

export function Page({ line }: { line: Line }) {
  const [transfers] = useState(() => new Transfers(line.api.files))
  const list = useSyncExternalStore(transfers.subscribe, transfers.getSnapshot)
  const { files, brokenBy } = useFiles(line)
  const { status } = useLineState(line.connection)
  useGuard(list.some(isUnderWay))

  return (
    <>
      <header className="bar">
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="9" />
          <path d="M16 22V9.5M10.5 15L16 9.5l5.5 5.5M8 24.5h16" />
        </svg>
        <h1>Files</h1>
        <LineState connection={line.connection} />
      </header>
      <main>
        <DropZone onFiles={(chosen) => chosen.forEach((file) => void transfers.upload(file))} />
        {list.length > 0 && (
          <section aria-labelledby="transfers">
            <h2 id="transfers">Your transfers</h2>
            <ul>
              {list.map((transfer) => (
                <TransferRow
                  key={transfer.key}
                  transfer={transfer}
                  isConnected={status === 'open'}
                  transfers={transfers}
                />
              ))}
            </ul>
          </section>
        )}
        <section aria-labelledby="at-the-server">
          <h2 id="at-the-server">At the server</h2>
          {brokenBy && (
            <p className="broken" role="alert">
              {brokenBy}
            </p>
          )}
          <FileList
            files={files}
            onDownload={(file) => transfers.download(file)}
            onRemove={({ id }) => void line.api.files.remove({ id }, patient).catch(() => {})}
          />
        </section>
      </main>
      <p className="spoken" role="log">
        {list.map(({ key, name, direction, state }) => {
          const end = said(direction, state)
          return end && <span key={key}>{`${name}: ${end}. `}</span>
        })}
      </p>
    </>
  )
}

/** What the server has, as long as the page is there. */
function useFiles({ api }: Line) {
  const [files, setFiles] = useState<readonly StoredFile[]>()
  const [brokenBy, setBrokenBy] = useState<string>()
  useEffect(() => {
    const controller = new AbortController()
    const { signal } = controller
    const follow = async () => {
      for await (const list of api.files.all(undefined, { ...patient, signal })) setFiles(list)
    }
    follow().catch((error: Error) => {
      if (!signal.aborted) setBrokenBy(error.message)
    })
    return () => controller.abort()
  }, [api])
  return { files, brokenBy }
}

/** Asks before the page is left while something is under way: a page can't go on with a file it was given before. */
function useGuard(isNeeded: boolean): void {
  useEffect(() => {
    if (!isNeeded) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [isNeeded])
}

const isUnderWay = ({ state }: Transfer): boolean => state !== 'done' && state !== 'damaged' && state !== 'failed'

/** What is read aloud; progress would never stop talking. */
function said(direction: Transfer['direction'], state: Transfer['state']): string | undefined {
  if (state === 'done') return direction === 'up' ? 'uploaded' : 'downloaded'
  if (state === 'damaged') return 'damaged on its way'
  if (state === 'failed') return 'failed'
  return undefined
}
