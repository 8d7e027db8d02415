// The page: the sidebar, one room, and the keys that work everywhere.
import { useEffect, useRef, useState, useSyncExternalStore } from 'react'
import type { Conversation } from './conversation.ts'
import { unreadOf } from './conversation.ts'
import { Icon } from './Icon.tsx'
import { LineState } from './LineState.tsx'
import type { Line } from './line.ts'
import { RoomView } from './RoomView.tsx'
import { Shortcuts } from './Shortcuts.tsx'
import { Sidebar } from './Sidebar.tsx'
import { useChat } from './useChat.ts'

interface ChatProps {
  line: Line
  onConnect: () => void
  onLeave: () => void
}

export function Chat({ line, onConnect, onLeave }: ChatProps) {
  const { chat, ...actions } = useChat(line)
  const [drafts] = useState(() => new Map<string, string>())
  const { menuButton, isDrawerOpen, setDrawerOpen } = useDrawer()
  const shortcuts = useRef<HTMLDialogElement>(null)
  const hash = useSyncExternalStore(onHashChange, () => location.hash.slice(1))
  const room = chat.rooms?.find(({ name }) => name === hash) ?? chat.rooms?.[0]
  const unread = countUnread(chat, line.name)
  const unreadElsewhere = [...unread].reduce((sum, [name, count]) => sum + (name === room?.name ? 0 : count), 0)
  useTitle(room?.name, unread)

  useKeys((event) => {
    if (event.key === 'Escape' && isDrawerOpen) return setDrawerOpen(false)
    if (event.key === '?' && !isTextField(event.target)) return shortcuts.current?.showModal()
    const step = event.altKey ? { ArrowUp: -1, ArrowDown: 1 }[event.key] : undefined
    if (step === undefined || !chat.rooms) return
    event.preventDefault()
    const index = chat.rooms.findIndex(({ name }) => name === room?.name) + step
    location.hash = chat.rooms.at(index % chat.rooms.length)?.name ?? ''
  })

  return (
    <div className="chat" data-drawer={isDrawerOpen ? 'open' : undefined}>
      <button type="button" className="skip" onClick={() => document.getElementById('message')?.focus()}>
        Skip to the message
      </button>
      <Sidebar
        line={line}
        chat={chat}
        current={room?.name}
        unread={unread}
        isDrawerOpen={isDrawerOpen}
        onPick={() => setDrawerOpen(false)}
        onClose={() => setDrawerOpen(false)}
        onShortcuts={() => shortcuts.current?.showModal()}
        onLeave={onLeave}
      />
      <main className="room" inert={isDrawerOpen}>
        <header className="bar">
          <button
            ref={menuButton}
            type="button"
            className="icon-button menu"
            aria-expanded={isDrawerOpen}
            aria-label={unreadElsewhere > 0 ? `Rooms and people, ${unreadElsewhere} unread` : 'Rooms and people'}
            onClick={() => setDrawerOpen(true)}
          >
            <Icon name="menu" />
            {unreadElsewhere > 0 && <span className="dot" />}
          </button>
          <div className="title">
            <h1>{room?.name ?? 'Trunkline chat'}</h1>
            <p>{room?.about}</p>
          </div>
          <LineState connection={line.connection} onConnect={onConnect} />
        </header>
        {chat.brokenBy && (
          <p className="broken" role="alert">
            {chat.brokenBy}
          </p>
        )}
        {room && chat.logs[room.name] ? (
          <RoomView key={room.name} line={line} room={room} chat={chat} drafts={drafts} actions={actions} />
        ) : (
          <p className="hint">{chat.brokenBy ? 'Nothing to show.' : 'Waiting for the server …'}</p>
        )}
      </main>
      <Shortcuts ref={shortcuts} />
    </div>
  )
}

/** Only a narrow page has it. When it closes, the focus goes back to where it was opened. */
function useDrawer() {
  const menuButton = useRef<HTMLButtonElement>(null)
  const [isDrawerOpen, setDrawerOpen] = useState(false)
  useEffect(() => {
    if (!isDrawerOpen) return
    const wide = matchMedia('(min-width: 48.01rem)')
    const close = () => setDrawerOpen(false)
    wide.addEventListener('change', close)
    return () => {
      wide.removeEventListener('change', close)
      menuButton.current?.focus()
    }
  }, [isDrawerOpen])
  return { menuButton, isDrawerOpen, setDrawerOpen }
}

function countUnread(chat: Conversation, ownName: string): ReadonlyMap<string, number> {
  return new Map(chat.rooms?.map(({ name }) => [name, unreadOf(chat, name, ownName).length]))
}

function useTitle(room: string | undefined, unread: ReadonlyMap<string, number>): void {
  const count = [...unread.values()].reduce((sum, one) => sum + one, 0)
  useEffect(() => {
    document.title = `${count > 0 ? `(${count}) ` : ''}${room ? `${room} · ` : ''}Trunkline chat`
  }, [count, room])
}

function useKeys(onKey: (event: KeyboardEvent) => void): void {
  useEffect(() => {
    const listener = (event: KeyboardEvent) => {
      // A dialog has its own.
      if (!document.querySelector('dialog[open]')) onKey(event)
    }
    addEventListener('keydown', listener)
    return () => removeEventListener('keydown', listener)
  })
}

function isTextField(target: EventTarget | null): boolean {
  return target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement
}

function onHashChange(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
