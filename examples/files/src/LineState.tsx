// The state of the line in words, always in view; with a way to try at once while it waits.
import { useSyncExternalStore } from 'react'
import type { ClientConnection, ConnectionState } from 'trunkline/client'

const words = {
  idle: 'Not connected',
  connecting: 'Connecting …',
  open: 'Connected',
  waiting: 'Offline',
  closed: 'Closed',
}

export function useLineState(connection: ClientConnection): ConnectionState {
  return useSyncExternalStore(connection.subscribe, connection.getSnapshot)
}

export function LineState({ connection }: { connection: ClientConnection }) {
  const { status, reason } = useLineState(connection)
  const isAway = status === 'waiting' || status === 'closed'
  return (
    <div className="line" data-status={status} title={reason}>
      <span role="status">{words[status]}</span>
      {isAway && (
        <button type="button" className="quiet" onClick={() => connection.connect().catch(() => {})}>
          Try now
        </button>
      )}
    </div>
  )
}
