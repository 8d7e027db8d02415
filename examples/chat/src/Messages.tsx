// A room's messages: by day and sender, then those of ours that have not arrived yet. Asks for earlier ones when it is scrolled up.
import { Fragment, type RefObject, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { Outgoing } from './conversation.ts'
import type { Message, Page, Room } from './line.ts'
import { Said } from './Said.tsx'
import type { ChatActions } from './useChat.ts'

/** Messages of one sender closer than this stand together. */
const togetherMs = 5 * 60_000

/** Earlier messages are asked for when the top of those that are here is this near, so that nobody waits for them. */
const aheadPx = 400

/** Closer than this to the newest message, in pixels, is at the newest message. */
export const nearPx = 60

interface MessagesProps {
  room: Room
  log: Page | undefined
  outgoing: readonly Outgoing[]
  ownName: string
  firstUnread: string | undefined
  scroller: RefObject<HTMLDivElement | null>
  actions: ChatActions
}

export function Messages({ room, log, outgoing, ownName, firstUnread, scroller, actions }: MessagesProps) {
  const [first] = log?.messages ?? []
  const earlier = useEarlier(scroller, () => first && actions.loadBefore(first))
  const list = useKeptPlace(scroller)
  // One list: a message that arrives keeps its place in the document.
  const entries: readonly (Partial<Outgoing> & { message: Message })[] = [
    ...(log?.messages.map((message) => ({ message })) ?? []),
    ...outgoing,
  ]
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys
    <ol ref={list} role="log" aria-label={`Messages in ${room.name}`} aria-busy={earlier.isLoading} tabIndex={0}>
      {log?.hasMore && (
        <li className="earlier">
          <button ref={earlier.button} type="button" className="quiet" onClick={earlier.load}>
            {earlier.isLoading ? 'Loading …' : 'Earlier messages'}
          </button>
        </li>
      )}
      {entries.length === 0 && <li className="hint">Nobody has said anything yet.</li>}
      {entries.map(({ message, ...way }, index) => {
        const before = entries[index - 1]?.message
        const after = entries[index + 1]?.message
        return (
          <Fragment key={message.id}>
            {isNewDay(before, message) && <li className="day">{nameDay(message.at)}</li>}
            {message.id === firstUnread && <li className="unread">New</li>}
            <Said
              message={message}
              way={way.isWritten === undefined ? undefined : { isWritten: way.isWritten, error: way.error }}
              isOwn={message.from === ownName}
              isFirst={!isTogether(before, message)}
              isLast={!after || !isTogether(message, after)}
              actions={actions}
            />
          </Fragment>
        )
      })}
    </ol>
  )
}

/** Loads by itself when its button comes near; the button does it too, for those who don't scroll. */
function useEarlier(scroller: RefObject<HTMLDivElement | null>, ask: () => Promise<void> | undefined) {
  const button = useRef<HTMLButtonElement>(null)
  const [isLoading, setLoading] = useState(false)
  const load = async () => {
    if (isLoading) return
    setLoading(true)
    await ask()
    setLoading(false)
  }
  const latest = useRef(load)
  latest.current = load
  useEffect(() => {
    if (!button.current || isLoading) return
    const options = { root: scroller.current, rootMargin: `${aheadPx}px 0px` }
    const observer = new IntersectionObserver(([entry]) => {
      if (entry?.isIntersecting) latest.current()
    }, options)
    observer.observe(button.current)
    return () => observer.disconnect()
  }, [isLoading, scroller])
  return { button, isLoading, load }
}

/** Who has scrolled up sees the same when something is added below: not every browser does that by itself. */
function useKeptPlace(scroller: RefObject<HTMLDivElement | null>): RefObject<HTMLOListElement | null> {
  const list = useRef<HTMLOListElement>(null)
  const last = useRef<HTMLElement>(null)
  useLayoutEffect(() => {
    const newest = list.current?.lastElementChild as HTMLElement | null
    const view = scroller.current
    if (view && newest && last.current?.isConnected && view.scrollTop < -nearPx)
      view.scrollTop -= endOf(newest) - endOf(last.current)
    last.current = newest
  })
  return list
}

/** Where it ends in its list; an animation that moves it doesn't count. */
const endOf = ({ offsetTop, offsetHeight }: HTMLElement): number => offsetTop + offsetHeight

function isNewDay(before: Message | undefined, message: Message): boolean {
  return before?.at.toDateString() !== message.at.toDateString()
}

function isTogether(before: Message | undefined, message: Message): boolean {
  if (!before || before.from !== message.from || isNewDay(before, message)) return false
  return message.at.getTime() - before.at.getTime() <= togetherMs
}

const dayMs = 24 * 60 * 60_000
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })

function nameDay(at: Date): string {
  if (at.toDateString() === new Date().toDateString()) return 'Today'
  if (at.toDateString() === new Date(Date.now() - dayMs).toDateString()) return 'Yesterday'
  return weekday.format(at)
}
