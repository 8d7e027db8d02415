// The real ends in memory, driven by commands, and what must hold of them: a server and a client over `createPair`, a fake clock,
// handlers that wait for a gate, and a record of everything each call has seen. Knows promises, not frames.
import { type Gap, mutation, query, router, subscription, type as unchecked } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { createPair, type PairLink } from 'trunkline/testing'
import { vi } from 'vitest'

export type RealKind = 'query' | 'mutation' | 'idempotent' | 'feed' | 'raw'

/** `pick` chooses among the calls there are; `after`: so many micro-tasks later; `isJoined`: the next command comes in the same turn. */
export type RealCommand =
  | { readonly type: 'call'; readonly kind: RealKind; readonly isJoined: boolean }
  | { readonly type: 'cancel' | 'finish' | 'publish'; readonly pick: number; readonly isJoined: boolean }
  | { readonly type: 'cut'; readonly end: 'client' | 'server' | 'both'; readonly after: number }
  | { readonly type: 'hold' | 'release'; readonly direction: 'up' | 'down' | 'both' }
  | { readonly type: 'yield'; readonly after: number }
  | { readonly type: 'wait'; readonly ms: number }
  | { readonly type: 'expire' | 'restart' }

const contract = router({
  query: query({ input: unchecked<number>(), output: unchecked<string>() }),
  mutation: mutation({ input: unchecked<number>(), output: unchecked<string>() }),
  idempotent: mutation({ input: unchecked<number>(), output: unchecked<string>(), idempotent: true }),
  feed: subscription({ output: unchecked<number>() }),
  raw: subscription({ output: unchecked<number>() }),
})

/** Longer than any story: a deadline is a cancel, and has a command of its own. */
const noDeadlineMs = 100_000_000
/** The largest takes all of a stream's first credit, and a little of the next. */
const bursts = [1, 2, 3, 300]
const maxEvents = 1_000

interface Run {
  readonly process: number
  finish(): void
  completed: boolean
  /** When it was, on the fake clock. */
  completedAt: number
  aborted: boolean
}

/** One call and what came of it. */
export class Story {
  readonly runs: Run[] = []
  readonly controller = new AbortController()
  /** Of a stream: its values, and `gap`. */
  readonly log: (number | 'gap')[] = []
  outcome: string | undefined
  delivery: string | undefined
  /** Of a call and not a stream: the promise its caller holds. */
  promise: Promise<string> | undefined
  /** Before it had settled: what comes later changes nothing, as with `fetch`. */
  isCancelled = false
  /** Made while a session was there, which has not ended since. */
  isSafe: boolean
  /** Events published when the caller had the subscription. */
  acceptedAt: number | undefined

  constructor(
    readonly index: number,
    readonly kind: RealKind,
    isSafe: boolean,
  ) {
    this.isSafe = isSafe
  }

  get isStream(): boolean {
    return this.kind === 'feed' || this.kind === 'raw'
  }
}

export class RealWorld {
  readonly stories: Story[] = []
  readonly codes: number[] = []
  /** Sessions that ended without a cause. */
  unexplained = 0
  /** Sessions that were there longer than a server keeps them. */
  overdue = 0
  restarts = 0
  published = 0
  readonly #bus = memoryPublisher({ maxAgeMs: noDeadlineMs, history: maxEvents })
  readonly #listeners = new Set<() => void>()
  readonly #pair
  readonly #client
  /** A session ended of which the client may not know yet. */
  #hasCause = true
  #seenFrames = 0

  constructor() {
    const app = implement(contract).handlers({
      query: ({ input, signal }) => this.#run(input, signal),
      mutation: ({ input, signal }) => this.#run(input, signal),
      idempotent: ({ input, signal }) => this.#run(input, signal),
      feed: ({ signal, lastEventId }) => this.#bus.subscribe('t', { signal, lastEventId }) as AsyncIterable<number>,
      raw: ({ signal }) => this.#count(signal),
    })
    this.#pair = createPair(app, { limits: { timeoutMs: noDeadlineMs }, onError: () => {} })
    this.#client = this.#pair.createClient()
    this.#client.connection.on('change', ({ status, code }) => {
      if (status === 'open') this.#opened()
      else if (status === 'waiting' && code !== undefined) this.codes.push(code)
    })
  }

  get stats() {
    return { server: this.#pair.server.stats(), client: this.#client.connection.stats() }
  }

  get state() {
    return this.#client.connection.state
  }

  async take(command: RealCommand): Promise<void> {
    switch (command.type) {
      case 'call':
        return this.#call(command.kind)
      case 'cancel':
        return this.#cancel(command.pick)
      case 'finish':
        return this.#finish(command.pick)
      case 'publish':
        return this.#publish(bursts[command.pick % bursts.length] as number)
      case 'cut':
        if (command.after > 0) await yieldTurns(command.after)
        return this.#links.at(-1)?.cut(command.end)
      case 'hold':
        return this.#links.at(-1)?.hold(command.direction)
      case 'release':
        for (const link of this.#links) link.release(command.direction)
        return
      case 'yield':
        return yieldTurns(command.after)
      case 'wait':
        return void (await vi.advanceTimersByTimeAsync(command.ms))
      case 'expire':
        return this.#expire()
      case 'restart':
        return this.#restart()
    }
  }

  /** All faults are over: time passes until nothing is left to do but what the app has to end itself. */
  async settle(): Promise<void> {
    for (const link of this.#links) link.release()
    await vi.advanceTimersByTimeAsync(40_000)
    for (let round = 0; round < 8 && this.stories.some((story) => isOpen(story)); round++) {
      for (const { runs } of this.stories) for (const run of runs) run.finish()
      await vi.advanceTimersByTimeAsync(round < 2 ? 1_000 : 30_000)
    }
    // An idle line is pinged, and both ends compare their counts.
    await vi.advanceTimersByTimeAsync(60_000)
  }

  async close(): Promise<void> {
    for (const { runs } of this.stories) for (const run of runs) run.finish()
    await this.#pair.close()
  }

  get #links(): PairLink[] {
    return this.#pair.links.filter(({ isOpen }) => isOpen)
  }

  #run(index: number, signal: AbortSignal): Promise<string> {
    const { runs } = this.stories[index] as Story
    return new Promise((resolve, reject) => {
      const run: Run = {
        process: this.restarts,
        completed: false,
        completedAt: 0,
        aborted: false,
        finish: () => {
          if (run.aborted || run.completed) return
          run.completed = true
          run.completedAt = performance.now()
          resolve(`${index} run ${runs.indexOf(run) + 1}`)
        },
      }
      runs.push(run)
      signal.addEventListener('abort', () => {
        run.aborted = !run.completed
        reject(signal.reason)
      })
    })
  }

  /** A source without ids: each time from the beginning. */
  async *#count(signal: AbortSignal): AsyncGenerator<number> {
    let wake: () => void = () => {}
    const listener = () => wake()
    this.#listeners.add(listener)
    signal.addEventListener('abort', listener)
    try {
      for (let at = 1; !signal.aborted; ) {
        if (at <= this.published) yield at++
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    } finally {
      this.#listeners.delete(listener)
    }
  }

  #call(kind: RealKind): void {
    const story = new Story(
      this.stories.length,
      kind,
      this.#client.connection.state.status !== 'idle' && !this.#hasCause,
    )
    this.stories.push(story)
    const { signal } = story.controller
    if (story.isStream) {
      void this.#consume(story, signal)
      return
    }
    const name = kind as 'query' | 'mutation' | 'idempotent'
    story.promise = this.#client.api[name](story.index, { signal, timeoutMs: noDeadlineMs })
    story.promise.then(
      (value) => {
        story.outcome = value
      },
      (error) => settleWith(story, error),
    )
  }

  async #consume(story: Story, signal: AbortSignal): Promise<void> {
    const onGap = (_gap: Gap): void => void story.log.push('gap')
    const name = story.kind as 'feed' | 'raw'
    try {
      const live = await this.#client.api[name](undefined, { signal, onGap, timeoutMs: noDeadlineMs })
      story.acceptedAt = this.published
      for await (const at of live) story.log.push(at)
      story.outcome = 'ended'
    } catch (error) {
      settleWith(story, error)
    }
  }

  #cancel(pick: number): void {
    const story = this.stories[pick % Math.max(1, this.stories.length)]
    if (!story || story.outcome !== undefined) return
    if (story.promise) noteIfPending(story, story.promise)
    else story.isCancelled = true
    story.controller.abort()
  }

  #finish(pick: number): void {
    this.stories[pick % Math.max(1, this.stories.length)]?.runs.at(-1)?.finish()
  }

  #publish(count: number): void {
    for (let round = 0; round < count && this.published < maxEvents; round++)
      void this.#bus.publish('t', ++this.published)
    for (const listener of this.#listeners) listener()
  }

  async #expire(): Promise<void> {
    this.#sessionEnds()
    this.#pair.isReachable = false
    for (const link of this.#links) link.release()
    this.#pair.cut()
    await vi.advanceTimersByTimeAsync(62_000)
    this.overdue += this.#pair.server.stats().sessions
    this.#pair.isReachable = true
  }

  async #restart(): Promise<void> {
    this.#sessionEnds()
    this.restarts++
    await this.#pair.restart()
  }

  #sessionEnds(): void {
    this.#hasCause = true
    for (const story of this.stories) story.isSafe = false
  }

  /** The client has read a welcome: without a cause since the last, it has to be that of a session that goes on. */
  #opened(): void {
    const frames = this.#pair.frames.slice(this.#seenFrames)
    this.#seenFrames = this.#pair.frames.length
    const welcome = frames.findLast(({ from, text }) => from === 'server' && text.startsWith('[1,'))
    const isNew = welcome?.text.includes('"session":"new"') === true
    if (isNew && !this.#hasCause) {
      if (!this.#wasStuck()) this.unexplained++
      for (const story of this.stories) story.isSafe = false
    }
    this.#hasCause = false
  }

  /** The last three sessions that went on found the server where the one before had: two breaks without progress. */
  #wasStuck(): boolean {
    const counts = this.#pair.frames
      .filter(({ from, text }) => from === 'server' && text.startsWith('[1,'))
      .map(({ text }) => JSON.parse(text)[1] as { session: string; received: number })
      .slice(0, -1)
      .slice(-3)
    return (
      counts.length === 3 &&
      counts.every(({ session, received }) => session === 'resumed' && received === counts[0]?.received)
    )
  }
}

function settleWith(story: Story, error: unknown): void {
  const { code, delivery } = error as { code?: string; delivery?: string }
  story.outcome = code ?? String(error)
  story.delivery = delivery
}

/**
 * A promise that has settled says so a micro-task later, and in between `outcome` is not there yet. Whatever has settled by now
 * is heard before the mark behind it; what the abort that follows settles, after it.
 */
function noteIfPending(story: Story, promise: Promise<string>): void {
  let hasSettled = false
  const settled = (): void => {
    hasSettled = true
  }
  promise.then(settled, settled)
  queueMicrotask(() => {
    // A second cancel finds what the first has settled, and takes nothing back.
    if (!hasSettled) story.isCancelled = true
  })
}

export const isOpen = (story: Story): boolean => !story.isStream && story.outcome === undefined

async function yieldTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await null
}
