// The session of PROTOCOL.md section 9 as a state machine: which commands a state allows, and what each makes of it.
// Does not know how states are searched.
import { cancel, clientReads, connect, currentSocket, discard, dropClientEnd, makeCall } from './client-end.ts'
import { type Command, faults } from './commands.ts'
import { isMeant, type Rules } from './mutants.ts'
import { ackAlone, firstKept } from './sequence.ts'
import { dropServerEnd, endSession, finish, loseNode, publish, serverAcks, serverReads, workOff } from './server-end.ts'
import { copy, type ServerNode, type Session, type Socket, type State, violate } from './state.ts'

// ── What may happen ──────────────────────────────────────────────────────────

export function commandsOf(rules: Rules, state: State): Command[] {
  const commands: Command[] = []
  offerClient(rules, state, commands)
  for (const socket of state.sockets) offerSocket(state, socket, commands)
  for (const [node, { sessions }] of state.nodes.entries()) {
    for (const session of sessions) offerSession(rules, state, node, session, commands)
    if (state.left.losses > 0) commands.push({ type: 'lose', node })
  }
  return commands
}

function offerClient({ scenario }: Rules, { client, left, nodes }: State, commands: Command[]): void {
  if (client.calls.length < scenario.calls.length) commands.push({ type: 'call' })
  if (left.events > 0) commands.push({ type: 'publish' })
  if (left.cancels > 0)
    for (const { id, phase } of client.calls) if (phase !== 'settled') commands.push({ type: 'cancel', id })
  if (client.socket) {
    if (client.welcomed && left.acks > 0 && client.sequence.received > client.sequence.stated)
      commands.push({ type: 'client-ack' })
    return
  }
  for (const node of nodes.keys()) commands.push({ type: 'connect', node })
  if (left.logins > 0) commands.push({ type: 'login' })
  if (left.discards > 0 && client.attempt > 0) commands.push({ type: 'discard' })
}

/** A break is found by one end first, which costs; the other finds it later, or what is on its way comes before. */
function offerSocket({ left }: State, socket: Socket, commands: Command[]): void {
  const { attempt, clientUp, serverUp } = socket
  if (socket.toServer.length > 0) commands.push({ type: 'deliver', socket: attempt, end: 'server' })
  if (socket.toClient.length > 0) commands.push({ type: 'deliver', socket: attempt, end: 'client' })
  if (clientUp && serverUp && left.breaks > 0)
    commands.push({ type: 'cut', socket: attempt, end: 'client' }, { type: 'cut', socket: attempt, end: 'server' })
  if (clientUp && !serverUp) commands.push({ type: 'notice', socket: attempt, end: 'client' })
  if (!clientUp && serverUp) commands.push({ type: 'notice', socket: attempt, end: 'server' })
}

function offerSession({ scenario }: Rules, { left }: State, node: number, session: Session, commands: Command[]): void {
  const { principal, sequence } = session
  for (const { id } of session.calls)
    if (scenario.calls[id - 1] !== 'subscription') commands.push({ type: 'finish', node, principal, id })
  if (session.inbox.length > 0) commands.push({ type: 'work', node, principal })
  if (session.socket === 0 && left.expiries > 0) commands.push({ type: 'expire', node, principal })
  if (session.socket && left.acks > 0 && sequence.received > sequence.stated)
    commands.push({ type: 'ack', node, principal })
}

// ── What it makes of the state ───────────────────────────────────────────────

/** A new state; a broken promise is thrown as a Violation. */
export function after(rules: Rules, before: State, command: Command): State {
  const state = copy(before)
  if ('principal' in command) stepOfSession(rules, state, command)
  else if ('socket' in command) stepOfSocket(rules, state, command)
  else stepOfProgram(rules, state, command)
  tidy(rules, state)
  checkAlways(rules, state)
  return state
}

function stepOfProgram(
  rules: Rules,
  state: State,
  command: Exclude<Command, { principal: number } | { socket: number }>,
): void {
  const { client, left } = state
  switch (command.type) {
    case 'call':
      return makeCall(rules, state)
    case 'cancel':
      left.cancels--
      return cancel(rules, state, command.id)
    case 'publish':
      left.events--
      return publish(rules, state)
    case 'login':
      left.logins--
      client.principal = 1 - client.principal
      state.ended = true
      return
    case 'discard':
      left.discards--
      return discard(state)
    case 'connect':
      // On another node the session is unknown, and that is nobody's fault.
      if (!state.nodes[command.node]?.sessions.some(({ since }) => isMeant(rules, since, client.since)))
        state.ended = true
      return connect(rules, state, command.node)
    case 'lose':
      left.losses--
      return loseNode(rules, state, command.node)
    case 'client-ack':
      left.acks--
      currentSocket(state)?.toServer.push(ackAlone(rules, client.sequence))
  }
}

function stepOfSocket(rules: Rules, state: State, command: Extract<Command, { socket: number }>): void {
  const socket = state.sockets.find(({ attempt }) => attempt === command.socket) ?? violate('no such socket')
  const { type, end } = command
  if (type === 'deliver') {
    const frame = (end === 'server' ? socket.toServer : socket.toClient).shift()
    if (!frame) return
    return end === 'server' ? serverReads(rules, state, socket, frame) : clientReads(rules, state, socket, frame)
  }
  if (type === 'cut') state.left.breaks--
  if (end === 'client') dropClientEnd(rules, state, socket)
  else dropServerEnd(rules, state, socket)
}

function stepOfSession(rules: Rules, state: State, command: Extract<Command, { principal: number }>): void {
  const node = state.nodes[command.node] ?? violate('no such node')
  const session = node.sessions.find(({ principal }) => principal === command.principal) ?? violate('no such session')
  switch (command.type) {
    case 'finish':
      return finish(rules, state, node, session, command.id)
    case 'expire':
      state.left.expiries--
      return endSession(rules, state, node, session)
    case 'ack':
      state.left.acks--
      return serverAcks(rules, state, session)
    case 'work': {
      const frame = session.inbox.shift()
      if (frame) workOff(rules, state, command.node, session, frame)
    }
  }
}

/** Sockets that neither end has any more are gone. */
function tidy(rules: Rules, state: State): void {
  if (rules.mutant === 'old-close-rejects-calls') rejectByOldClose(state)
  state.sockets = state.sockets.filter(
    ({ clientUp, serverUp, toServer, toClient }) => clientUp || serverUp || toServer.length + toClient.length > 0,
  )
}

function rejectByOldClose({ client, sockets }: State): void {
  if (!client.welcomed || !sockets.some(({ clientUp, serverUp }) => !clientUp && !serverUp)) return
  for (const call of client.calls) {
    if (call.phase !== 'written') continue
    call.phase = 'settled'
    call.outcome = 'lost'
    call.delivery = 'unknown'
  }
}

// ── What must hold ───────────────────────────────────────────────────────────

function sessionOf(rules: Rules, { client, nodes }: State): [ServerNode, Session] | undefined {
  for (const node of nodes)
    for (const session of node.sessions)
      if (isMeant(rules, session.since, client.since) && session.principal === client.principal) return [node, session]
  return undefined
}

/** In every state: what either end keeps and counts fits what the other one has. */
function checkAlways(rules: Rules, state: State): void {
  const { client } = state
  if (client.attempt > 12) violate('the client comes back again and again')
  for (const { id, outcome, firstSince } of client.calls)
    if (outcome === 'lost' && firstSince === client.since && !state.ended)
      violate(`call ${id} is lost, and its session lives`)
  // Which session is meant can't be said without `since`.
  if (client.fresh || rules.mutant === 'since-not-compared') return
  const session = sessionOf(rules, state)?.[1]
  if (!session) return
  checkCounts('client', client.sequence, session.sequence)
  checkCounts('server', session.sequence, client.sequence)
}

function checkCounts(sender: string, from: Session['sequence'], to: Session['sequence']): void {
  if (to.received > from.sent) violate(`more frames of the ${sender} are counted as received than it has sent`)
  if (firstKept(from) > to.received) violate(`the ${sender} dropped a copy that the other end does not have`)
}

/** Nothing but faults can happen: links are restored, everything was read, every handler came to its end. */
export function isQuiet(commands: readonly Command[]): boolean {
  return commands.every(({ type }) => faults.has(type) || type === 'ack' || type === 'client-ack')
}

export function checkQuiet(rules: Rules, state: State): void {
  const { scenario } = rules
  const { client, runs, done, left } = state
  const found = sessionOf(rules, state)
  if (!client.welcomed || !found) return violate('all is quiet, and the client has no session')
  const { sequence, calls } = found[1]
  if (sequence.received !== client.sequence.sent || sequence.sent !== client.sequence.received)
    violate('all is quiet, and the counts of both ends differ')
  for (const call of client.calls) {
    const kind = scenario.calls[call.id - 1]
    const isLive = kind === 'subscription' && call.accepted && (!scenario.ends || left.events > 0)
    if (call.phase !== 'settled' && !isLive) violate(`all is quiet, and call ${call.id} is pending`)
    if (call.phase !== 'settled' && call.seen !== state.published)
      violate(`all is quiet, and event ${call.seen + 1} never came for call ${call.id}`)
    if (call.phase === 'settled' && calls.some(({ id }) => id === call.id))
      violate(`all is quiet, and the stream of call ${call.id} goes on, which is settled`)
    if (call.outcome === 'result' && (runs[call.id - 1] === 0 || done[call.id - 1] === 0))
      violate(`call ${call.id} gives a result, and its handler never came to an end`)
  }
}
