// Who comes in: gives a connection that has authenticated its session, a new one or the one it had (PROTOCOL.md section 9).
// Does not know frames or how somebody was authenticated.
import { closeCode } from '../protocol/close.ts'
import type { FrameData } from '../protocol/encoded.ts'
import type { ReadHello } from '../protocol/read-at-server.ts'
import type { Principal } from './authentication.ts'
import type { ServerConnection } from './connection.ts'
import type { ServerCore } from './core.ts'
import { ServerSession } from './session.ts'

/** Somebody at the door. */
export interface Visitor {
  readonly connection: ServerConnection
  readonly hello: ReadHello
  readonly principal: Principal
  /** Frames that came behind `hello`, which only a new session may have. */
  readonly held: readonly FrameData[]
}

/**
 * Lets a visitor in, or closes its socket: whatever is wrong with it touches neither the session it names nor that session's socket.
 * @param isAsked `reauthorize` has been asked about the session's streams
 */
export function enter(core: ServerCore, visitor: Visitor, isAsked = false): void {
  const { connection, hello, principal, held } = visitor
  if (core.isDraining) return connection.shut(closeCode.serviceRestart, 'the server is shutting down')
  const known = hello.features.includes('resume') ? find(core, visitor) : undefined
  const refusal = core.refusalFor(principal, known)
  if (refusal) return connection.shut(refusal.code, refusal.reason)
  if (!known) return begin(core, visitor)
  if (hello.attempt <= known.attempt) return connection.shut(closeCode.replaced, 'a later attempt was here before')
  if (hello.since !== known.since || (!isAsked && known.isStuck(hello.received))) {
    known.end()
    return begin(core, visitor)
  }
  // What was said in this turn belongs to the copies, and may be more than is kept.
  known.flush()
  if (known.isOver) return begin(core, visitor)
  if (!known.sequence.covers(hello.received))
    return connection.shut(closeCode.sequenceBroken, `${hello.received} frames received, which does not fit`)
  if (held.length > 0)
    return connection.shut(closeCode.badMessage, 'calls before the welcome of a session that goes on')
  if (!isAsked && core.settings.reauthorize) return void ask(core, visitor, known)
  known.calls.context = principal.context
  resume(core, visitor, known)
}

/** The session it names, with everything said that it has to say: that may have been too much to keep. */
function find(core: ServerCore, { hello, principal }: Visitor): ServerSession | undefined {
  core.sessions.find(principal.name, hello.session)?.flush()
  return core.sessions.find(principal.name, hello.session)
}

function begin(core: ServerCore, { connection, hello, principal }: Visitor): void {
  const session = new ServerSession(core, connection.id, hello, principal)
  core.sessions.add(session)
  connection.entered(session, principal)
  core.known(connection)
  session.begin(connection, core.welcomeFor(connection.id, principal))
}

function resume(core: ServerCore, { connection, hello, principal }: Visitor, session: ServerSession): void {
  core.sessions.attached(session)
  connection.entered(session, principal)
  core.known(connection)
  session.resume(connection, hello, core.welcomeFor(connection.id, principal))
}

/** No event leaves before `reauthorize` has answered for its stream; meanwhile anything may have happened. */
async function ask(core: ServerCore, visitor: Visitor, session: ServerSession): Promise<void> {
  await session.calls.renew(visitor.principal.context)
  if (!visitor.connection.isOver) enter(core, visitor, true)
}
