// The server's half of the session: nodes, sessions, handlers and sources. Does not know the client's half, but for ghosts.
import { isMeant, type Rules } from './mutants.ts'
import { ackAlone, acknowledge, checkRange, enter, take, uncounted } from './sequence.ts'
import {
  type Frame,
  type Message,
  newSequence,
  type ServerCall,
  type ServerNode,
  type Session,
  type Socket,
  type State,
  violate,
} from './state.ts'

type Hello = Message & { type: 'hello' }
type Open = Message & { type: 'open' }

function write(state: State, session: Session, frame: Frame): void {
  const socket = state.sockets.find(({ attempt }) => attempt === session.socket)
  if (!socket) return
  const { message } = frame
  const call = 'id' in message ? state.client.calls[message.id - 1] : undefined
  if (call && call.owner !== -1 && call.owner !== socket.principal)
    violate(`${message.type} of call ${call.id} goes to another principal than its own`)
  if (socket.clientUp) socket.toClient.push(frame)
}

function say(rules: Rules, state: State, session: Session, message: Message): void {
  if ('id' in message && session.cancelled.includes(message.id))
    violate(`${message.type} is sent for call ${message.id}, whose cancel was worked off`)
  write(state, session, enter(rules, session.sequence, message))
}

// ── Its own steps ────────────────────────────────────────────────────────────

/** The server's end of a socket dies, or the server leaves it. */
export function dropServerEnd(rules: Rules, state: State, socket: Socket): void {
  socket.serverUp = false
  if (rules.mutant !== 'server-reads-old-socket') socket.toServer = []
  for (const session of nodeOf(state, socket).sessions) {
    if (session.socket !== socket.attempt) continue
    session.socket = 0
    if (rules.mutant === 'accepted-frames-dropped') session.inbox = []
  }
}

/** Its time away has passed, another took its place, or its process died: handlers are aborted, nobody hears of them. */
export function endSession(rules: Rules, state: State, node: ServerNode, session: Session): void {
  const socket = state.sockets.find(({ attempt }) => attempt === session.socket)
  if (socket) dropServerEnd(rules, state, socket)
  node.sessions = node.sessions.filter((other) => other !== session)
  if (isMeant(rules, session.since, state.client.since)) state.ended = true
}

export function loseNode(rules: Rules, state: State, index: number): void {
  const node = state.nodes[index]
  if (!node) return
  for (const session of node.sessions) endSession(rules, state, node, session)
  for (const socket of state.sockets) if (socket.node === index) dropServerEnd(rules, state, socket)
  node.results = []
  node.historyFrom = state.published
}

/** A handler comes to its end. */
export function finish(rules: Rules, state: State, node: ServerNode, session: Session, id: number): void {
  session.calls = session.calls.filter((call) => call.id !== id)
  const kind = rules.scenario.calls[id - 1]
  state.done[id - 1] = (state.done[id - 1] ?? 0) + 1
  if (kind === 'idempotent') {
    if (node.results.includes(id)) violate(`idempotent mutation ${id} comes to its end twice, and its result was kept`)
    node.results.push(id)
  }
  if (kind !== 'unserialisable') return say(rules, state, session, { type: 'result', id })
  if (rules.mutant === 'number-before-encoding') session.sequence.sent++
  say(rules, state, session, { type: 'error', id, delivery: 'ran' })
}

export function publish(rules: Rules, state: State): void {
  state.published++
  for (const node of state.nodes)
    for (const session of node.sessions) for (const call of session.calls) pump(rules, state, session, call)
}

/** A stream sends what its credit allows. */
function pump(rules: Rules, state: State, session: Session, call: ServerCall): void {
  if (call.next === 0) return
  while (call.next <= state.published && call.items < call.limit) {
    call.items++
    const asker = state.client.calls[call.id - 1]
    if (asker?.phase === 'written' && asker.since === session.since && call.items > asker.limit)
      violate(`item ${call.items} of call ${call.id} is sent beyond its credit, ${asker.limit}`)
    say(rules, state, session, { type: 'item', id: call.id, event: call.next++ })
  }
  const events = rules.scenario.budget.events ?? 0
  if (!rules.scenario.ends || call.next <= events) return
  say(rules, state, session, { type: 'end', id: call.id })
  session.calls = session.calls.filter((other) => other !== call)
}

export function serverAcks(rules: Rules, state: State, session: Session): void {
  write(state, session, ackAlone(rules, session.sequence))
}

// ── Frames ───────────────────────────────────────────────────────────────────

function nodeOf(state: State, socket: Socket): ServerNode {
  return state.nodes[socket.node] ?? violate('no such node')
}

/** The session of a socket; none for a socket that was detached, whose frames are nobody's. */
function sessionOf(rules: Rules, state: State, socket: Socket): Session | undefined {
  const { sessions } = nodeOf(state, socket)
  const session = sessions.find((each) => each.socket === socket.attempt)
  if (session || rules.mutant !== 'server-reads-old-socket') return session
  return sessions.find(({ principal, attempt }) => principal === socket.principal && attempt > socket.attempt)
}

export function serverReads(rules: Rules, state: State, socket: Socket, frame: Frame): void {
  const { message } = frame
  if (message.type === 'hello') return onHello(rules, state, socket, message)
  const session = sessionOf(rules, state, socket)
  if (!session) return
  take(rules, session.sequence, frame)
  if (rules.scenario.slices && message.type !== 'ack') session.inbox.push(frame)
  else workOff(rules, state, socket.node, session, frame)
}

export function workOff(rules: Rules, state: State, node: number, session: Session, { message }: Frame): void {
  if (message.type === 'open')
    return onOpen(rules, state, state.nodes[node] ?? violate('no such node'), session, message)
  const call = 'id' in message ? session.calls.find(({ id }) => id === message.id) : undefined
  if (!call) return
  if (message.type === 'cancel') return stop(rules, session, call.id)
  if (message.type !== 'credit') return
  call.limit = rules.mutant === 'credit-added' ? call.limit + message.items : Math.max(call.limit, message.items)
  pump(rules, state, session, call)
}

/** The handler's signal aborts, and nothing is said any more. */
function stop(rules: Rules, session: Session, id: number): void {
  session.cancelled.push(id)
  if (rules.mutant !== 'cancel-not-worked-off') session.calls = session.calls.filter((call) => call.id !== id)
}

function onOpen(rules: Rules, state: State, node: ServerNode, session: Session, open: Open): void {
  const { id, repeat } = open
  if (session.calls.some((call) => call.id === id)) violate(`open of call ${id}, which is open`)
  if (id <= session.lastId && !repeat)
    violate(`open of call ${id} behind that of ${session.lastId}, not marked as a repeat`)
  session.lastId = Math.max(session.lastId, id)
  if (session.dropped.includes(id)) {
    session.dropped = session.dropped.filter((other) => other !== id)
    return
  }
  const kind = rules.scenario.calls[id - 1]
  if (kind === 'mutation' && repeat && rules.mutant !== 'repeat-of-mutation-run')
    return say(rules, state, session, { type: 'error', id, delivery: 'unknown' })
  // Marked or not: a first flight may be read after its repeat.
  const isLookedFor = rules.mutant === 'results-only-for-repeats' ? repeat : rules.mutant !== 'results-not-looked-for'
  if (kind === 'idempotent' && isLookedFor && node.results.includes(id))
    return say(rules, state, session, { type: 'result', id })
  run(rules, state, session, id)
  const call = { id, next: 0, items: 0, limit: rules.scenario.window ?? 1 }
  session.calls.push(call)
  if (kind === 'subscription') subscribe(rules, state, node, session, call, open)
}

function run(rules: Rules, state: State, session: Session, id: number): void {
  const call = state.client.calls[id - 1]
  const runs = (state.runs[id - 1] ?? 0) + 1
  state.runs[id - 1] = runs
  if (rules.scenario.calls[id - 1] === 'mutation' && runs > 1) violate(`mutation ${id} runs twice`)
  if (call?.delivery === 'not-run') violate(`call ${id} runs, and its caller was told not-run`)
  if (call && call.owner !== -1 && call.owner !== session.principal) violate(`call ${id} runs for another principal`)
}

function subscribe(
  rules: Rules,
  state: State,
  node: ServerNode,
  session: Session,
  call: ServerCall,
  { id, after, repeat }: Open,
): void {
  const continues = after >= node.historyFrom
  const from = continues ? after : state.published
  // What a client resumes from until an item or a gap says otherwise: so it is not ahead of what is still to come.
  const position = after === -1 || rules.mutant === 'position-of-source' ? state.published : after
  say(rules, state, session, { type: 'accept', id, position })
  const isGap = !continues && (after !== -1 || repeat)
  const asker = state.client.calls[id - 1]
  if (isGap && asker?.accepted && asker.since === session.since && asker.seen >= node.historyFrom)
    violate(`a gap for call ${id}, and its source has every event behind ${asker.seen}`)
  if (isGap && rules.mutant !== 'gap-untold') say(rules, state, session, { type: 'gap', id, position: from })
  call.next = from + 1
  pump(rules, state, session, call)
}

// ── Hello ────────────────────────────────────────────────────────────────────

function onHello(rules: Rules, state: State, socket: Socket, hello: Hello): void {
  const node = nodeOf(state, socket)
  const anyPrincipal = rules.mutant === 'session-of-another-principal'
  const session = node.sessions.find(({ principal }) => anyPrincipal || principal === hello.principal)
  if (session && hello.attempt <= session.attempt && rules.mutant !== 'stale-attempt-accepted')
    return refuseStale(rules, state, socket, session)
  if (session && isMeant(rules, session.since, hello.since)) return attach(rules, state, socket, session, hello)
  if (session) endSession(rules, state, node, session)
  const { attempt, principal } = hello
  const made: Session = {
    principal,
    since: attempt,
    attempt,
    socket: attempt,
    sequence: newSequence(),
    lastId: 0,
    dropped: [],
    calls: [],
    inbox: [],
    cancelled: [],
  }
  node.sessions.push(made)
  write(state, made, uncounted({ type: 'welcome', session: 'new', received: 0, principal }))
}

/** 4011, on its own socket only. */
function refuseStale(rules: Rules, state: State, socket: Socket, session: Session): void {
  if (socket.attempt === state.client.socket) violate('the newest socket of the client is refused as stale')
  if (rules.mutant === 'stale-attempt-detaches') session.socket = 0
  dropServerEnd(rules, state, socket)
}

function attach(rules: Rules, state: State, socket: Socket, session: Session, hello: Hello): void {
  const { sequence } = session
  checkRange(sequence, hello.received)
  let { received } = sequence
  const old = state.sockets.find(({ attempt }) => attempt === session.socket)
  if (old) {
    if (rules.mutant === 'server-counts-before-it-detaches')
      for (const frame of old.toServer) serverReads(rules, state, old, frame)
    else received = sequence.received
    dropServerEnd(rules, state, old)
  }
  session.attempt = hello.attempt
  session.socket = socket.attempt
  if (rules.mutant !== 'settled-ignored') dropSettled(rules, session, hello.settled)
  const principal = socket.principal
  write(state, session, uncounted({ type: 'welcome', session: 'resumed', received, principal }))
  sequence.stated = sequence.received
  if (rules.mutant !== 'server-replays-all') acknowledge(sequence, hello.received)
  for (const frame of sequence.kept) write(state, session, frame)
}

function dropSettled(rules: Rules, session: Session, settled: readonly number[]): void {
  for (const id of settled) {
    const isOpen = session.calls.some((call) => call.id === id)
    if (isOpen && rules.mutant !== 'settled-only-before-run') stop(rules, session, id)
    const isKnown = id <= session.lastId || session.dropped.includes(id)
    if (!isKnown && rules.mutant !== 'settled-only-if-known') session.dropped.push(id)
  }
}
