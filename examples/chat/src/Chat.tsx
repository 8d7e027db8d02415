// The page: rooms, who is here, the state of the line, and one room's conversation.
import { useEffect, useState, useSyncExternalStore } from 'react'
import { Avatar } from './Avatar.tsx'
import { Composer } from './Composer.tsx'
import { LineState } from './LineState.tsx'
import { type Line, listen, patient, type Room } from './line.ts'
import { Messages } from './Messages.tsx'
import { useConversation } from './useConversation.ts'

interface ChatProps {
  line: Line
  onConnect: () => void
  onLeave: () => void
}

export function Chat({ line, onConnect, onLeave }: ChatProps) {
  const { rooms, failure } = useRooms(line)
  const people = usePeople(line)
  const hash = useSyncExternalStore(onHashChange, () => location.hash.slice(1))
  const room = rooms.find(({ name }) => name === hash) ?? rooms[0]

  return (
    <div className="chat">
      <header className="bar">
        <h1>Trunkline chat</h1>
        <LineState connection={line.connection} onConnect={onConnect} />
      </header>
      <aside>
        <nav aria-label="Rooms">
          <h2>Rooms</h2>
          <ul className="rooms">
            {rooms.map(({ name }) => (
              <li key={name}>
                <a href={`#${name}`} aria-current={name === room?.name ? 'page' : undefined}>
                  {name}
                </a>
              </li>
            ))}
          </ul>
        </nav>
        <section aria-label="People">
          <h2>Here now</h2>
          <ul className="people">
            {people.map((name) => (
              <li key={name}>
                <Avatar name={name} />
                <span className="name">{name}</span>
                {name === line.name && <span className="note">you</span>}
              </li>
            ))}
          </ul>
        </section>
        <button type="button" className="quiet leave" onClick={onLeave}>
          Change name
        </button>
      </aside>
      {room ? (
        <RoomView line={line} room={room} />
      ) : (
        <main className="hint">{failure ? 'The rooms could not be loaded.' : 'Waiting for the server …'}</main>
      )}
    </div>
  )
}

/** One for all rooms: what is on its way in one of them stays when another is looked at. */
function RoomView({ line, room }: { line: Line; room: Room }) {
  const { messages, outgoing, failure, say, sendAgain, discard } = useConversation(line, room.name)
  return (
    <main className="room">
      <header>
        <h2>{room.name}</h2>
        <p className="about">{room.about}</p>
      </header>
      {failure && <p role="alert">{failure.message}</p>}
      <Messages
        messages={messages}
        outgoing={outgoing}
        ownName={line.name}
        onSendAgain={sendAgain}
        onDiscard={discard}
      />
      <Composer key={room.name} room={room.name} onSay={say} />
    </main>
  )
}

function useRooms({ api }: Line): { rooms: readonly Room[]; failure: Error | undefined } {
  const [rooms, setRooms] = useState<readonly Room[]>([])
  const [failure, setFailure] = useState<Error>()
  useEffect(() => {
    const leaving = new AbortController()
    api.rooms.list(undefined, { signal: leaving.signal, ...patient }).then(setRooms, (error: Error) => {
      if (!leaving.signal.aborted) setFailure(error)
    })
    return () => leaving.abort()
  }, [api])
  return { rooms, failure }
}

function usePeople({ api }: Line): readonly string[] {
  const [people, setPeople] = useState<readonly string[]>([])
  useEffect(() => listen((signal) => api.people.here(undefined, { signal, ...patient }), setPeople), [api])
  return people
}

function onHashChange(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
