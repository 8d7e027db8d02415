// The state of the model: two ends, the sockets between them, and what an onlooker remembers. Does not know how it changes.

export type Kind = 'query' | 'mutation' | 'idempotent' | 'unserialisable' | 'subscription'
export type Delivery = 'not-run' | 'unknown' | 'ran'
export type Outcome = 'result' | 'failed' | 'ended' | 'cancelled' | 'lost' | 'unauthorized'

/** `ack` stands for `ping` and `pong` too: all three carry the counts. An event id is its number; -1 stands for none. */
export type Message =
  | {
      readonly type: 'hello'
      readonly attempt: number
      readonly since: number
      readonly received: number
      readonly settled: readonly number[]
      readonly principal: number
    }
  | {
      readonly type: 'welcome'
      readonly session: 'new' | 'resumed'
      readonly received: number
      readonly principal: number
    }
  | { readonly type: 'ack'; readonly received: number; readonly sent: number }
  | { readonly type: 'credit'; readonly id: number; readonly items: number }
  | { readonly type: 'open'; readonly id: number; readonly repeat: boolean; readonly after: number }
  | { readonly type: 'result' | 'end' | 'cancel'; readonly id: number }
  | { readonly type: 'error'; readonly id: number; readonly delivery: Delivery }
  | { readonly type: 'accept' | 'gap'; readonly id: number; readonly position: number }
  | { readonly type: 'item'; readonly id: number; readonly event: number }

/** One message a frame, and an `ack` that may ride with it. Frozen: copies of a state share their frames. */
export interface Frame {
  readonly message: Message
  readonly ack?: { readonly received: number; readonly sent: number }
}

/** What either end keeps of a session's frames. */
export interface Sequence {
  sent: number
  /** Copies of the last frames sent, from the first that is not acknowledged. */
  kept: Frame[]
  received: number
  /** The last `received` that the other end was told. */
  stated: number
}

export interface ClientCall {
  readonly id: number
  phase: 'waiting' | 'written' | 'settled'
  outcome: Outcome | ''
  delivery: Delivery | ''
  /** The session it was first written in, 0 for none. */
  firstSince: number
  /** The session it was last written in. */
  since: number
  accepted: boolean
  /** What it would resume from. */
  last: number
  /** Ghost: the last event its consumer has. */
  seen: number
  items: number
  limit: number
  /** Ghost: the principal that the first `welcome` of its life named, -1 before. */
  owner: number
}

export interface Client {
  principal: number
  /** The principal of the last `welcome`, -1 before the first. */
  known: number
  attempt: number
  since: number
  /** Nothing was sent in the session, and no `welcome` heard of it. */
  fresh: boolean
  /** The attempt of the socket it listens to, 0 while away. */
  socket: number
  welcomed: boolean
  sequence: Sequence
  calls: ClientCall[]
  /** Settled locally since the last `welcome`; the first `listed` of them were in this socket's `hello`. */
  settled: number[]
  listed: number
}

export interface ServerCall {
  readonly id: number
  /** Of a stream: the event it sends next. */
  next: number
  items: number
  limit: number
}

export interface Session {
  readonly principal: number
  readonly since: number
  attempt: number
  /** The attempt of the socket that is attached, 0 while detached. */
  socket: number
  sequence: Sequence
  lastId: number
  /** Ids that a `hello` named and whose `open` has not come. */
  dropped: number[]
  calls: ServerCall[]
  /** Accepted and not worked off. */
  inbox: Frame[]
  /** Ghost: ids whose cancel was worked off. */
  cancelled: number[]
}

/** One process; all of its sessions have the one client's name, so the principal alone is their key. */
export interface ServerNode {
  sessions: Session[]
  /** Results kept for repeats of idempotent mutations. */
  results: number[]
  /** Events after this one are in its publisher's history. */
  historyFrom: number
}

export interface Socket {
  readonly attempt: number
  readonly node: number
  readonly principal: number
  clientUp: boolean
  serverUp: boolean
  toServer: Frame[]
  toClient: Frame[]
}

export interface Budget {
  breaks: number
  losses: number
  expiries: number
  cancels: number
  acks: number
  logins: number
  discards: number
  events: number
}

export interface State {
  client: Client
  nodes: ServerNode[]
  sockets: Socket[]
  left: Budget
  published: number
  /** Ghost: by call, how often its handler was started and how often it came to its end. */
  runs: number[]
  done: number[]
  /** Ghost: the session that the client believes in has ended, and not by the protocol's fault. */
  ended: boolean
}

export interface Scenario {
  readonly name: string
  /** In the order in which they may be made. */
  readonly calls: readonly Kind[]
  readonly budget: Partial<Budget>
  /** Credit of a stream in items; renewed when it is used up. */
  readonly window?: number
  /** The source ends behind its last event. */
  readonly ends?: boolean
  readonly nodes?: number
  /** Frames are accepted first and worked off later. */
  readonly slices?: boolean
}

export class Violation extends Error {}

export function violate(what: string): never {
  throw new Violation(what)
}

export const newSequence = (): Sequence => ({ sent: 0, kept: [], received: 0, stated: 0 })

export function initialState(scenario: Scenario): State {
  const none = { breaks: 0, losses: 0, expiries: 0, cancels: 0, acks: 0, logins: 0, discards: 0, events: 0 }
  const client: Client = {
    principal: 0,
    known: -1,
    attempt: 0,
    since: 0,
    fresh: true,
    socket: 0,
    welcomed: false,
    sequence: newSequence(),
    calls: [],
    settled: [],
    listed: 0,
  }
  return {
    client,
    nodes: Array.from({ length: scenario.nodes ?? 1 }, () => ({ sessions: [], results: [], historyFrom: 0 })),
    sockets: [],
    left: { ...none, ...scenario.budget },
    published: 0,
    runs: scenario.calls.map(() => 0),
    done: scenario.calls.map(() => 0),
    ended: false,
  }
}

/** By hand, level by level: a generic copy took twice the time of everything else together. */
export function copy(state: State): State {
  const { client } = state
  return {
    ...state,
    client: {
      ...client,
      sequence: copySequence(client.sequence),
      calls: client.calls.map((call) => ({ ...call })),
      settled: [...client.settled],
    },
    nodes: state.nodes.map((node) => ({
      ...node,
      results: [...node.results],
      sessions: node.sessions.map(copySession),
    })),
    sockets: state.sockets.map((socket) => ({
      ...socket,
      toServer: [...socket.toServer],
      toClient: [...socket.toClient],
    })),
    left: { ...state.left },
    runs: [...state.runs],
    done: [...state.done],
  }
}

function copySequence(sequence: Sequence): Sequence {
  return { ...sequence, kept: [...sequence.kept] }
}

function copySession(session: Session): Session {
  return {
    ...session,
    sequence: copySequence(session.sequence),
    dropped: [...session.dropped],
    calls: session.calls.map((call) => ({ ...call })),
    inbox: [...session.inbox],
    cancelled: [...session.cancelled],
  }
}
