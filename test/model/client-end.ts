// The client's half of the session: its own steps, and what it does with each frame. Does not know the server's half.
import { isMeant, type Rules } from './mutants.ts'
import { acknowledge, checkRange, enter, take, uncounted } from './sequence.ts'
import {
  type ClientCall,
  type Frame,
  type Message,
  newSequence,
  type Outcome,
  type Socket,
  type State,
  violate,
} from './state.ts'

export function currentSocket(state: State): Socket | undefined {
  return state.sockets.find((socket) => socket.attempt === state.client.socket)
}

/** Behind a `welcome`; and the first flight, as long as there was none and no call was written in another session. */
function mayWrite(rules: Rules, { client }: State): boolean {
  if (!client.socket) return false
  if (client.welcomed || rules.mutant === 'counted-before-welcome') return true
  if (client.known !== -1 || client.since !== client.attempt) return false
  return client.calls.every(({ firstSince }) => firstSince === 0 || firstSince === client.since)
}

function write(state: State, frame: Frame): void {
  const socket = currentSocket(state)
  if (socket?.serverUp) socket.toServer.push(frame)
}

function say(rules: Rules, state: State, message: Message): void {
  state.client.fresh = false
  write(state, enter(rules, state.client.sequence, message))
}

// ── Its own steps ────────────────────────────────────────────────────────────

export function connect(rules: Rules, state: State, node: number): void {
  const { client } = state
  client.attempt++
  if (client.fresh && (client.attempt === 1 || rules.mutant !== 'since-not-compared')) client.since = client.attempt
  client.socket = client.attempt
  client.welcomed = false
  client.listed = client.settled.length
  const { attempt, since, principal, settled, sequence } = client
  sequence.stated = sequence.received
  state.sockets.push({ attempt, node, principal, clientUp: true, serverUp: true, toServer: [], toClient: [] })
  const { received } = sequence
  write(state, uncounted({ type: 'hello', attempt, since, received, settled: [...settled], principal }))
  if (rules.mutant === 'ping-before-welcome') write(state, uncounted({ type: 'ack', received, sent: sequence.sent }))
  for (const call of client.calls) if (call.phase === 'waiting' && mayWrite(rules, state)) open(rules, state, call)
}

/** The client's end of a socket dies, or the client leaves it. */
export function dropClientEnd(rules: Rules, state: State, socket: Socket): void {
  socket.clientUp = false
  // What is still on its way meets nobody: dropping it here and ignoring it later are one and the same.
  if (!rules.mutant?.startsWith('client-')) socket.toClient = []
  if (state.client.socket === socket.attempt) state.client.socket = 0
}

/** Counts begin again with the next attempt: after 4110 and its like, or two breaks without progress. */
export function discard({ client }: State): void {
  client.fresh = true
  client.settled = []
  client.sequence = newSequence()
}

export function makeCall(rules: Rules, state: State): void {
  const { client } = state
  const call: ClientCall = {
    id: client.calls.length + 1,
    phase: 'waiting',
    outcome: '',
    delivery: '',
    firstSince: 0,
    since: 0,
    accepted: false,
    last: -1,
    seen: -1,
    items: 0,
    limit: 0,
    owner: client.known,
  }
  client.calls.push(call)
  if (mayWrite(rules, state)) open(rules, state, call)
}

/** The app cancels, or the deadline passes: the caller settles without waiting. */
export function cancel(rules: Rules, state: State, id: number): void {
  const { client } = state
  const call = client.calls[id - 1]
  if (!call) return
  const wasWritten = call.firstSince > 0
  settle(state, call, 'cancelled', wasWritten && rules.mutant !== 'written-told-not-run' ? 'unknown' : 'not-run')
  if (!wasWritten) return
  if (mayWrite(rules, state)) say(rules, state, { type: 'cancel', id })
  else if (!client.socket || rules.mutant !== 'settled-after-hello-untold') client.settled.push(id)
}

function settle(state: State, call: ClientCall, outcome: Outcome, delivery: ClientCall['delivery']): void {
  if (call.phase === 'settled') violate(`call ${call.id} settles twice`)
  if (delivery === 'not-run' && state.runs[call.id - 1]) violate(`call ${call.id} is told not-run, and its handler ran`)
  call.phase = 'settled'
  call.outcome = outcome
  call.delivery = delivery
  // No longer asked for, and equal states are met more often.
  call.accepted = false
  call.last = call.seen = -1
  call.items = call.limit = 0
}

function open(rules: Rules, state: State, call: ClientCall): void {
  const isMarked = call.firstSince > 0 || rules.mutant === 'unwritten-marked-repeat'
  call.phase = 'written'
  call.firstSince ||= state.client.since
  call.since = state.client.since
  call.items = 0
  call.limit = rules.scenario.window ?? 1
  const after = rules.mutant === 'resume-from-beginning' ? -1 : call.last
  const repeat = isMarked && rules.mutant !== 'repeat-not-marked'
  say(rules, state, { type: 'open', id: call.id, repeat, after })
}

// ── Frames ───────────────────────────────────────────────────────────────────

export function clientReads(rules: Rules, state: State, socket: Socket, frame: Frame): void {
  const { client } = state
  const { message } = frame
  if (client.socket !== socket.attempt && (message.type === 'welcome' || !readsOldSocket(rules, state))) return
  if (message.type === 'welcome') return onWelcome(rules, state, message)
  take(rules, client.sequence, frame)
  if (!('id' in message)) return
  const call = client.calls[message.id - 1]
  if (!call) return violate(`${message.type} for call ${message.id}, which was never made`)
  if (call.phase === 'settled') return
  if (message.type === 'result') settle(state, call, 'result', '')
  else if (message.type === 'end') settle(state, call, 'ended', '')
  else if (message.type === 'error') onError(state, call, message.delivery)
  else if (message.type === 'accept') onAccept(call, message.position)
  else if (message.type === 'gap') onGap(call, message.position)
  else if (message.type === 'item') onItem(rules, state, call, message.event)
}

function readsOldSocket(rules: Rules, { client }: State): boolean {
  if (rules.mutant === 'client-counts-before-it-detaches') return client.socket > 0 && !client.welcomed
  return rules.mutant === 'client-reads-old-socket' && client.welcomed
}

function onError(state: State, call: ClientCall, delivery: ClientCall['delivery']): void {
  if (delivery === 'unknown' && call.firstSince === state.client.since)
    violate(`call ${call.id} is told CONNECTION_LOST, and the session it was first written in lives`)
  settle(state, call, delivery === 'unknown' ? 'lost' : 'failed', delivery)
}

function onAccept(call: ClientCall, position: number): void {
  if (!call.accepted) call.seen = position
  call.accepted = true
  call.last = position
}

function onGap(call: ClientCall, position: number): void {
  call.last = call.seen = position
}

function onItem(rules: Rules, state: State, call: ClientCall, event: number): void {
  if (!call.accepted) violate(`an item of call ${call.id} before its accept`)
  if (event <= call.seen) violate(`event ${event} comes twice for call ${call.id}`)
  if (event > call.seen + 1) violate(`a silent hole for call ${call.id}: event ${event} behind ${call.seen}`)
  call.last = call.seen = event
  call.items++
  if (call.items > call.limit) violate(`item ${call.items} of call ${call.id} is beyond its credit, ${call.limit}`)
  if (call.items < call.limit) return
  call.limit += rules.scenario.window ?? 1
  write(state, uncounted({ type: 'credit', id: call.id, items: call.limit }))
}

// ── Welcome ──────────────────────────────────────────────────────────────────

function onWelcome(rules: Rules, state: State, welcome: Message & { type: 'welcome' }): void {
  const { client } = state
  client.welcomed = true
  const isOther = client.known !== -1 && client.known !== welcome.principal
  if (welcome.session === 'new') beginAnew(rules, state)
  client.known = welcome.principal
  if (isOther && rules.mutant !== 'principal-not-compared') endAll(state)
  bindCalls(state)
  if (welcome.session === 'resumed') resume(rules, state, welcome.received)
  client.fresh = false
  client.settled = []
  client.listed = 0
  for (const call of client.calls)
    if (call.phase === 'waiting' || (call.phase === 'written' && call.since !== client.since)) open(rules, state, call)
}

/** Who may be told of a call is known from the first `welcome` on; of one that was written before, it never is. */
function bindCalls({ client }: State): void {
  for (const call of client.calls)
    if (call.owner === -1 && (call.firstSince === 0 || call.firstSince === client.since)) call.owner = client.known
}

function beginAnew(rules: Rules, state: State): void {
  const { client } = state
  if (client.known !== -1 && !client.fresh && !state.ended) violate('the session is lost, and nothing ended it')
  // Otherwise it is the session that this `hello` began; a first flight may be in it already.
  if (client.since !== client.attempt) {
    client.since = client.attempt
    if (rules.mutant === 'replay-into-new-session') for (const frame of client.sequence.kept) write(state, frame)
    if (rules.mutant !== 'counts-kept-across-new-session') client.sequence = newSequence()
  }
  // A `welcome` may be read late.
  state.ended = !state.nodes.some(({ sessions }) => sessions.some(({ since }) => isMeant(rules, since, client.since)))
}

function resume(rules: Rules, state: State, received: number): void {
  const { client } = state
  checkRange(client.sequence, received)
  if (rules.mutant !== 'client-replays-all') acknowledge(client.sequence, received)
  for (const frame of client.sequence.kept) write(state, frame)
  for (const id of client.settled.slice(client.listed)) say(rules, state, { type: 'cancel', id })
  if (rules.mutant !== 'credit-not-restated') stateCredit(state)
}

function stateCredit(state: State): void {
  for (const { id, phase, limit } of state.client.calls)
    if (phase === 'written') write(state, uncounted({ type: 'credit', id, items: limit }))
}

/** Another principal: nothing is sent again. */
function endAll(state: State): void {
  for (const call of state.client.calls)
    if (call.phase !== 'settled') settle(state, call, 'unauthorized', call.firstSince > 0 ? 'unknown' : 'not-run')
}
