// The state of the line in words, always in view; with a countdown while it waits for the next try.
import { useEffect, useState, useSyncExternalStore } from 'react'
import type { ClientConnection } from 'trunkline/client'

const words = {
  idle: 'Not connected',
  connecting: 'Connecting …',
  open: 'Connected',
  waiting: 'Offline',
  closed: 'Closed',
}

export function LineState({ connection, onConnect }: { connection: ClientConnection; onConnect: () => void }) {
  const { status, reason, nextAttemptAt } = useSyncExternalStore(connection.subscribe, connection.getSnapshot)
  return (
    <div className="line" data-status={status} title={reason}>
      <span role="status">{words[status]}</span>
      {nextAttemptAt !== undefined && (
        <>
          <Countdown until={nextAttemptAt} />
          <button type="button" className="quiet" onClick={() => connection.connect().catch(() => {})}>
            Try now
          </button>
        </>
      )}
      {status === 'closed' && (
        <>
          <span className="reason">{reason}</span>
          <button type="button" className="quiet" onClick={onConnect}>
            Connect
          </button>
        </>
      )}
    </div>
  )
}

/** Whole seconds; read aloud it would never stop talking. */
function Countdown({ until }: { until: number }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 250)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.ceil((until - now) / 1000))
  return (
    <span className="countdown" aria-hidden="true">
      next try in {seconds} s
    </span>
  )
}
