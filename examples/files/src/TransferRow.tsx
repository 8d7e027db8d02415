// One transfer: its name, how far it is, what is the matter, and what can be done about it.
import { Icon } from './Icon.tsx'
import type { Transfer, Transfers } from './transfers.ts'
import { durationInWords, percent, sizeInWords } from './words.ts'

interface TransferRowProps {
  transfer: Transfer
  isConnected: boolean
  transfers: Transfers
}

export function TransferRow({ transfer, isConnected, transfers }: TransferRowProps) {
  const { key, direction, name, size, moved, state, sha256 } = transfer
  const isOver = state === 'done' || state === 'damaged' || state === 'failed'
  const mayPause = state === 'moving' || state === 'queued'
  return (
    <li className="transfer" data-state={isConnected || isOver ? state : 'waiting'}>
      <Icon name={state === 'done' ? 'done' : state === 'damaged' || state === 'failed' ? 'warning' : direction} />
      <div className="what">
        <p className="name">{name}</p>
        {!isOver && (
          <progress
            value={size > 0 ? moved : undefined}
            max={size || 1}
            aria-label={`${direction === 'up' ? 'Upload' : 'Download'} of ${name}`}
          />
        )}
        <p className="state">{inWords(transfer, isConnected)}</p>
        {sha256 && state === 'done' && <p className="checksum">{`SHA-256 ${sha256}`}</p>}
      </div>
      <div className="actions">
        {mayPause && (
          <button type="button" className="icon-button" title="Pause" onClick={() => transfers.pause(key)}>
            <Icon name="pause" />
            <span className="spoken">Pause {name}</span>
          </button>
        )}
        {state === 'paused' && (
          <button type="button" className="icon-button" title="Go on" onClick={() => transfers.goOn(key)}>
            <Icon name="goOn" />
            <span className="spoken">Go on with {name}</span>
          </button>
        )}
        <button
          type="button"
          className="icon-button"
          title={isOver ? 'Dismiss' : 'Cancel'}
          onClick={() => transfers.cancel(key)}
        >
          <Icon name="cancel" />
          <span className="spoken">{`${isOver ? 'Dismiss' : 'Cancel'} ${name}`}</span>
        </button>
      </div>
    </li>
  )
}

function inWords(transfer: Transfer, isConnected: boolean): string {
  const { direction, size, moved, state, bytesPerSecond, problem } = transfer
  const way = direction === 'up' ? 'Uploaded' : 'Downloaded'
  const far = `${percent(moved, size)} %`
  if (state === 'done') return `${way}, ${sizeInWords(size)}, the same at both ends`
  if (state === 'damaged') return 'Damaged on its way: the checksums differ. Try it once more'
  if (state === 'failed') return problem ?? 'Failed'
  if (state === 'queued') return `${sizeInWords(size)}, waits for its turn`
  if (state === 'paused') return `Paused at ${far}, ${sizeInWords(moved)} of ${sizeInWords(size)}`
  if (!isConnected) return `Connection lost, ${far} stays: goes on by itself at ${sizeInWords(moved)}`
  if (state === 'checking') return `${sizeInWords(size)}, checking …`
  const pace = bytesPerSecond > 0 ? `, ${sizeInWords(bytesPerSecond)}/s` : ''
  const left = bytesPerSecond > 0 ? `, ${durationInWords((size - moved) / bytesPerSecond)} left` : ''
  return `${far} of ${sizeInWords(size)}${pace}${left}`
}
