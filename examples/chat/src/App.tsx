// Asks for a name, dials with it, and hands the line to the chat.
import { useState } from 'react'
import { Chat } from './Chat.tsx'
import { dial } from './line.ts'
import { NameForm } from './NameForm.tsx'
import { forgetName, readName, rememberName } from './remember.ts'

export function App() {
  const [line, setLine] = useState(() => {
    const name = readName()
    return name ? dial(name) : undefined
  })
  // After the line was closed for good everything on it has ended: the chat begins anew.
  const [round, setRound] = useState(0)

  if (!line) {
    return (
      <NameForm
        onName={(name) => {
          rememberName(name)
          setLine(dial(name))
        }}
      />
    )
  }
  return (
    <Chat
      key={round}
      line={line}
      onConnect={() => {
        line.connection.connect()
        setRound(round + 1)
      }}
      onLeave={() => {
        line.connection.close()
        forgetName()
        setLine(undefined)
      }}
    />
  )
}
