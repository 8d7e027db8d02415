// The steps of the model as commands, and what each call may give after them. Knows no state: the real ends can be driven by it too.
import type { Delivery, Kind, Outcome } from './state.ts'

/** Sockets are named by the attempt that opened them, calls and handlers by the id of the call (1, 2, 3 here). */
export type Command =
  | { readonly type: 'call' | 'publish' | 'login' | 'discard' }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'finish'; readonly node: number; readonly principal: number; readonly id: number }
  | { readonly type: 'connect' | 'lose'; readonly node: number }
  | { readonly type: 'deliver' | 'cut' | 'notice'; readonly socket: number; readonly end: 'client' | 'server' }
  | { readonly type: 'expire' | 'ack' | 'work'; readonly node: number; readonly principal: number }
  | { readonly type: 'client-ack' }

export type CommandType = Command['type']

/** What the surroundings do: it may happen or not, as often as the budget says. All others happen in the end. */
export const faults: ReadonlySet<CommandType> = new Set([
  'call',
  'cancel',
  'publish',
  'login',
  'discard',
  'lose',
  'cut',
  'expire',
])

const words: Record<CommandType, string> = {
  call: 'the app makes call',
  cancel: 'the app cancels call',
  publish: 'the source publishes event',
  login: 'the app will come back as another principal',
  discard: 'the client discards its session',
  connect: 'the client opens a socket to node',
  deliver: 'is read by the',
  cut: 'the link breaks, found by the',
  notice: 'the break is found by the',
  finish: 'the handler comes to its end, of call',
  lose: 'the server is lost: node',
  expire: 'the detached session expires at node',
  ack: 'the server acknowledges, node',
  'client-ack': 'the client acknowledges',
  work: 'the next accepted frame is worked off at node',
}

export function describe(command: Command): string {
  const parts = [words[command.type]]
  if ('id' in command) parts.push(String(command.id))
  if ('node' in command && command.type !== 'finish') parts.push(String(command.node + 1))
  if ('end' in command) parts.push(command.end)
  if ('socket' in command) parts.push(`on socket ${command.socket}`)
  return parts.join(' ')
}

export interface Ending {
  readonly outcome: Outcome
  readonly delivery: Delivery | ''
  /** How often its handler was started. */
  readonly runs: number
}

interface Story {
  readonly kind: Kind
  cancelled: boolean
}

/**
 * The simple reference: it looks at the commands alone, not at frames or sockets, and says what each call may give.
 * Where no session ended, that is exactly one thing.
 */
export class Reference {
  readonly #kinds: readonly Kind[]
  readonly #stories: Story[] = []
  /** From then on any call may meet it: the client hears of it later, and calls made meanwhile are written in vain. */
  #sessionEnded = false
  #otherCame = false

  constructor(kinds: readonly Kind[]) {
    this.#kinds = kinds
  }

  apply(command: Command): void {
    const { type } = command
    const kind = this.#kinds[this.#stories.length]
    if (type === 'call' && kind) this.#stories.push({ kind, cancelled: false })
    const story = type === 'cancel' && this.#stories[command.id - 1]
    if (story) story.cancelled = true
    if (type === 'lose' || type === 'expire' || type === 'discard') this.#sessionEnded = true
    if (type === 'login') this.#otherCame = true
  }

  /** Undefined when the ending is one that may be, else what is wrong with it. */
  objection(id: number, { outcome, delivery, runs }: Ending): string | undefined {
    const story = this.#stories[id - 1]
    if (!story) return 'was never made'
    const { kind, cancelled } = story
    const mayEnd = this.#sessionEnded || this.#otherCame
    if (delivery === 'not-run' && runs > 0) return `not-run, and ran ${runs} times`
    if (kind === 'mutation' && runs > 1) return `a mutation, and ran ${runs} times`
    if (!mayEnd && runs > 1) return `ran ${runs} times in one session`
    if (cancelled) return outcome === 'cancelled' ? undefined : `cancelled, and gives ${outcome}`
    if (outcome === 'unauthorized') return this.#otherCame ? undefined : 'unauthorized, and nobody else came'
    if (outcome === 'lost') return kind === 'mutation' && mayEnd ? undefined : `a ${kind}, lost without cause`
    const usual = kind === 'subscription' ? 'ended' : kind === 'unserialisable' ? 'failed' : 'result'
    if (outcome !== usual) return `a ${kind}, and gives ${outcome}`
    return runs > 0 ? undefined : `gives ${outcome}, and never ran`
  }
}
