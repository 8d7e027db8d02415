// Beside the room, and on a phone in a drawer over it: all rooms, who is here, and what concerns oneself.
import { useEffect, useRef, useSyncExternalStore } from 'react'
import { Avatar } from './Avatar.tsx'
import type { Conversation } from './conversation.ts'
import { Icon } from './Icon.tsx'
import type { Line } from './line.ts'
import { ThemeToggle } from './ThemeToggle.tsx'

interface SidebarProps {
  line: Line
  chat: Conversation
  current: string | undefined
  unread: ReadonlyMap<string, number>
  isDrawerOpen: boolean
  onPick: () => void
  onClose: () => void
  onShortcuts: () => void
  onLeave: () => void
}

export function Sidebar({ line, chat, current, unread, isDrawerOpen, ...on }: SidebarProps) {
  const closeButton = useRef<HTMLButtonElement>(null)
  useEffect(() => {
    if (isDrawerOpen) closeButton.current?.focus()
  }, [isDrawerOpen])

  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: Escape and the button do the same */}
      <div className="shade" onClick={on.onClose} />
      <aside aria-label="Rooms and people">
        <div className="brand">
          <svg viewBox="0 0 32 32" aria-hidden="true">
            <rect width="32" height="32" rx="10" />
            <path d="M7 11.5h18M7 16h18M7 20.5h11" />
          </svg>
          <span>Trunkline chat</span>
          <button ref={closeButton} type="button" className="icon-button close" aria-label="Close" onClick={on.onClose}>
            <Icon name="close" />
          </button>
        </div>
        <div className="lists">
          <Rooms chat={chat} current={current} unread={unread} onPick={on.onPick} />
          <People line={line} people={chat.people} />
        </div>
        <footer className="own">
          <Avatar name={line.name} />
          <span className="name">{line.name}</span>
          <ThemeToggle />
          <button
            type="button"
            className="icon-button keys"
            aria-label="Keyboard shortcuts"
            title="Keyboard shortcuts (?)"
            onClick={on.onShortcuts}
          >
            <Icon name="keyboard" />
          </button>
          <button
            type="button"
            className="icon-button"
            aria-label="Change name"
            title="Change name"
            onClick={on.onLeave}
          >
            <Icon name="leave" />
          </button>
        </footer>
      </aside>
    </>
  )
}

type RoomsProps = Pick<SidebarProps, 'chat' | 'current' | 'unread' | 'onPick'>

function Rooms({ chat, current, unread, onPick }: RoomsProps) {
  return (
    <nav aria-label="Rooms">
      <h2>Rooms</h2>
      <ul className="rooms">
        {chat.rooms?.map(({ name, canPost }) => {
          const count = unread.get(name) ?? 0
          return (
            <li key={name}>
              <a
                href={`#${name}`}
                aria-current={name === current ? 'page' : undefined}
                data-unread={count > 0 ? '' : undefined}
                onClick={onPick}
              >
                {canPost ? <span aria-hidden="true">#</span> : <Icon name="lock" />}
                <span className="name">{name}</span>{' '}
                {count > 0 && (
                  <span className="badge">
                    {count > 99 ? '99+' : count}
                    <span className="spoken"> unread</span>
                  </span>
                )}
              </a>
            </li>
          )
        })}
      </ul>
    </nav>
  )
}

/** While the line is down this is who was here: shown fainter, and said so. */
function People({ line, people }: { line: Line; people: readonly string[] }) {
  const { status } = useSyncExternalStore(line.connection.subscribe, line.connection.getSnapshot)
  const isStale = status !== 'open' && people.length > 0
  return (
    <section aria-label="People">
      <h2>{isStale ? 'Here before the break' : `Here now${people.length > 0 ? ` · ${people.length}` : ''}`}</h2>
      <ul className="people" data-stale={isStale ? '' : undefined}>
        {people.map((name) => (
          <li key={name}>
            <Avatar name={name} />
            <span className="name">{name}</span>
            {name === line.name && <span className="note">you</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
