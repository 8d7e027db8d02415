// Mistakes planted in the real ends, by patching prototypes: each breaks one rule of PROTOCOL.md section 9. Knows no test.

import { ClientCall } from '../../packages/trunkline/src/calls/call.ts'
import { ClientSubscription } from '../../packages/trunkline/src/calls/subscription.ts'
import { ClientSession } from '../../packages/trunkline/src/client/session.ts'
import type { FrameData } from '../../packages/trunkline/src/protocol/encoded.ts'
import { IdMap } from '../../packages/trunkline/src/protocol/id-map.ts'
import { Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import { Sequence } from '../../packages/trunkline/src/protocol/sequence.ts'
import { ServerConnection } from '../../packages/trunkline/src/server/connection.ts'
import { Idempotency } from '../../packages/trunkline/src/server/idempotency.ts'
import { OpenCalls } from '../../packages/trunkline/src/server/open-calls.ts'
import { ServerSession, type SessionLine } from '../../packages/trunkline/src/server/session.ts'
import { Sessions } from '../../packages/trunkline/src/server/sessions.ts'

type Method = (this: never, ...args: never[]) => unknown
type Methods<Type> = {
  [Name in keyof Type]: Type[Name] extends (...args: never[]) => unknown ? Name : never
}[keyof Type]

/** Replaces a method; gives the undo. */
function patch<Type extends object, Name extends Methods<Type>>(
  { prototype }: { readonly prototype: Type },
  name: Name,
  make: (original: Type[Name] & Method) => Method,
): () => void {
  const original = prototype[name]
  prototype[name] = make(original as Type[Name] & Method) as Type[Name]
  return () => {
    prototype[name] = original
  }
}

/** Replaces a getter; gives the undo. */
function patchGetter<Type extends object>(
  { prototype }: { readonly prototype: Type },
  name: keyof Type & string,
  make: (original: (this: Type) => unknown) => (this: Type) => unknown,
): () => void {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor
  Object.defineProperty(prototype, name, { ...descriptor, get: make(descriptor.get as (this: Type) => unknown) })
  return () => Object.defineProperty(prototype, name, descriptor)
}

const nothing = (): Method => () => undefined

/** The lines a session resumes on, with other ways to write. */
function onResume(alter: (session: ServerSession, line: SessionLine) => void): () => void {
  return patch(
    ServerSession,
    'resume',
    (original) =>
      function (this: ServerSession, line: SessionLine, ...rest: unknown[]) {
        const write = line.write.bind(line)
        alter(this, line)
        Reflect.apply(original, this, [line, ...rest])
        line.write = write
      } as Method,
  )
}

export interface RealMutant {
  readonly name: string
  /** Plants it; gives the undo. */
  readonly plant: () => () => void
}

export const realMutants: readonly RealMutant[] = [
  {
    name: 'the oldest copy is not replayed',
    plant: () =>
      patchGetter(
        Sequence,
        'copies',
        (get) =>
          function () {
            return (get.call(this) as string[]).slice(1)
          },
      ),
  },
  {
    name: 'the newest copy is not replayed',
    plant: () =>
      patchGetter(
        Sequence,
        'copies',
        (get) =>
          function () {
            return (get.call(this) as string[]).slice(0, -1)
          },
      ),
  },
  {
    name: 'copies are replayed the newest first',
    plant: () =>
      patchGetter(
        Sequence,
        'copies',
        (get) =>
          function () {
            return [...(get.call(this) as string[])].reverse()
          },
      ),
  },
  {
    name: 'one copy more than was acknowledged is dropped',
    plant: () =>
      patch(
        Sequence,
        'acknowledge',
        (original) =>
          function (this: Sequence, received: number) {
            Reflect.apply(original, this, [Math.min(received + 1, this.sent)])
          } as Method,
      ),
  },
  {
    name: 'one copy less than was acknowledged is dropped',
    plant: () =>
      patch(
        Sequence,
        'acknowledge',
        (original) =>
          function (this: Sequence, received: number) {
            Reflect.apply(original, this, [received - 1])
          } as Method,
      ),
  },
  {
    name: 'short frames are not counted by who receives them',
    plant: () =>
      patch(
        Sequence,
        'take',
        (original) =>
          function (this: Sequence, length: number) {
            if (length > 8) Reflect.apply(original, this, [length])
          } as Method,
      ),
  },
  {
    name: 'riding-ack-leaves-its-frame-out',
    plant: () =>
      patch(
        Sequence,
        'ack',
        (original) =>
          function (this: Sequence) {
            return Reflect.apply(original, this, [false])
          } as Method,
      ),
  },
  {
    name: 'a frame is replayed and counted once more by who sends it',
    plant: () =>
      onResume((session, line) => {
        const write = line.write.bind(line)
        line.write = (text) => {
          if (!String(text).startsWith('[1,')) session.sequence.sent++
          write(text)
        }
      }),
  },
  {
    name: 'welcome-behind-the-replay',
    plant: () =>
      onResume((_session, line) => {
        const write = line.write.bind(line)
        let held: FrameData | undefined
        line.write = (text) => {
          if (String(text).startsWith('[1,') && held === undefined) held = text
          else write(text)
          if (held !== undefined) queueMicrotask(() => held !== undefined && write(held))
        }
      }),
  },
  {
    name: 'old-socket-not-detached-by-the-server',
    plant: () => patch(ServerConnection, 'replaced', nothing),
  },
  {
    name: 'no-session-is-found',
    plant: () => patch(Sessions, 'find', nothing),
  },
  {
    name: 'break-ends-the-session',
    plant: () =>
      patch(
        ServerSession,
        'detach',
        (original) =>
          function (this: ServerSession, line: SessionLine) {
            Reflect.apply(original, this, [line, false])
          } as Method,
      ),
  },
  {
    name: 'detached-sessions-are-kept-for-ever',
    plant: () => patch(Sessions, 'detached', nothing),
  },
  {
    name: 'what-was-said-and-not-flushed-is-lost-with-the-socket (server)',
    plant: () =>
      patch(
        ServerSession,
        'detach',
        (original) =>
          function (this: ServerSession, ...args: unknown[]) {
            const { flush } = Outbox.prototype
            Outbox.prototype.flush = Outbox.prototype.clear
            Reflect.apply(original, this, args)
            Outbox.prototype.flush = flush
          } as Method,
      ),
  },
  {
    name: 'what-was-said-and-not-flushed-is-lost-with-the-socket (client)',
    plant: () =>
      patch(
        ClientSession,
        'detach',
        (original) =>
          function (this: ClientSession) {
            const { flush } = Outbox.prototype
            Outbox.prototype.flush = Outbox.prototype.clear
            Reflect.apply(original, this, [])
            Outbox.prototype.flush = flush
          } as Method,
      ),
  },
  {
    name: 'settled-ignored',
    plant: () => patch(OpenCalls, 'settled', nothing),
  },
  {
    name: 'settled-only-if-known',
    plant: () =>
      patch(
        OpenCalls,
        'settled',
        () =>
          function (this: OpenCalls, ids: readonly number[]) {
            for (const id of ids) this.cancel(id)
          } as Method,
      ),
  },
  {
    name: 'settled-only-before-run',
    plant: () =>
      patch(
        OpenCalls,
        'settled',
        (original) =>
          function (this: OpenCalls, ids: readonly number[]) {
            const { cancel } = this
            this.cancel = () => {}
            Reflect.apply(original, this, [ids])
            this.cancel = cancel
          } as Method,
      ),
  },
  {
    name: 'settled-while-away-untold',
    plant: () =>
      patch(
        ClientSession,
        'settled',
        (original) =>
          function (this: ClientSession, call: ClientCall, tell: boolean) {
            return Reflect.apply(original, this, [call, tell && this.line !== undefined])
          } as Method,
      ),
  },
  {
    name: 'credit-not-restated',
    plant: () => patch(ClientSubscription, 'renew', nothing),
  },
  {
    name: 'streams-not-woken-by-a-resume',
    plant: () => patch(OpenCalls, 'wake', nothing),
  },
  {
    name: 'replay-into-an-unknown-session',
    plant: () =>
      patch(
        ClientSession,
        'welcomed',
        (original) =>
          function (this: ClientSession, line: unknown, welcome: { session: string }) {
            const isFirst = this.sequence.sent === 0 && this.sequence.received === 0
            Reflect.apply(original, this, [line, isFirst ? welcome : { ...welcome, session: 'resumed' }])
          } as Method,
      ),
  },
  {
    name: 'counts-kept-in-another-session',
    plant: () => patch(Sequence, 'reset', nothing),
  },
  {
    name: 'since-is-always-1',
    plant: () =>
      patch(
        ClientSession,
        'hello',
        (original) =>
          function (this: ClientSession, attempt: number) {
            return { ...(Reflect.apply(original, this, [attempt]) as object), since: 1 }
          } as Method,
      ),
  },
  {
    name: 'since-not-that-of-welcome',
    plant: () =>
      patch(
        Sessions,
        'add',
        (original) =>
          function (this: Sessions, session: ServerSession) {
            ;(session as { since: number }).since = 1
            Reflect.apply(original, this, [session])
          } as Method,
      ),
  },
  {
    name: 'repeats-not-marked',
    plant: () =>
      patch(
        ClientSession,
        'discard',
        (original) =>
          function (this: ClientSession) {
            for (const call of this.written.values()) call.firstLine = undefined
            Reflect.apply(original, this, [])
          } as Method,
      ),
  },
  {
    name: 'calls-of-a-lost-session-forgotten',
    plant: () =>
      patch(
        ClientSession,
        'discard',
        (original) =>
          function (this: ClientSession) {
            this.written = new IdMap()
            Reflect.apply(original, this, [])
          } as Method,
      ),
  },
  {
    name: 'results-of-idempotent-calls-not-kept',
    plant: () =>
      patch(
        Idempotency,
        'run',
        () => ((_call: unknown, _principal: unknown, _key: unknown, start: () => void) => start()) as Method,
      ),
  },
  {
    name: 'stream-reopened-from-the-beginning',
    plant: () =>
      patch(
        ClientCall,
        'encode',
        (original) =>
          function (this: ClientCall, ...args: unknown[]) {
            return (Reflect.apply(original, this, args) as string).replace(/"lastEventId":"[^"]*",?/, '')
          } as Method,
      ),
  },
  {
    name: 'cancelled-call-gives-its-answer',
    plant: () => patch(ClientCall, 'handleEvent', nothing),
  },
]
