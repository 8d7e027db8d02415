// RouterInputs, RouterOutputs, and what calls take and give.
import type {
  Call,
  CallError,
  CallProcedure,
  InferInput,
  InferOutput,
  PendingSubscription,
  Procedure,
  RouterClient,
  RouterInputs,
  RouterOutputs,
  Subscription,
  UncheckedType,
} from 'trunkline'
import type { z } from 'zod'
import { assert, type Equal } from './assert.ts'
import type { Chat, chat, Report } from './contract.ts'

type Inputs = RouterInputs<Chat>
type Outputs = RouterOutputs<Chat>
interface Posted {
  id: string
  text: string
  at: Date
}

// ── Callers give what a schema takes, and get what it gives ──────────────────

assert<Equal<Inputs['ping'], void>>()
assert<Equal<Inputs['rooms']['list'], void>>()
assert<Equal<Inputs['rooms']['find'], { name?: string | undefined; limit: string; since: unknown }>>()
assert<Equal<Inputs['rooms']['post'], { room: string; text: string }>>()
assert<Equal<Inputs['rooms']['messages'], { room: string }>>()
assert<Equal<Inputs['rooms']['deep']['er']['reset'], string | undefined>>()
assert<Equal<Inputs['reports']['make'], { year: number }>>()
assert<Equal<Inputs['reports']['valibot'], { name: string }>>()

assert<Equal<Outputs['ping'], void>>()
assert<Equal<Outputs['rooms']['list'], string[]>>()
assert<Equal<Outputs['rooms']['find'], { found: number; at: Date }>>()
assert<Equal<Outputs['rooms']['post'], Posted>>()
assert<Equal<Outputs['rooms']['messages'], Posted>>()
assert<Equal<Outputs['reports']['make'], Report>>()
assert<Equal<Outputs['reports']['rich'], { big: bigint; map: Map<string, Set<Date>>; when: Date | null }>>()
assert<Equal<Outputs['reports']['valibot'], Date | undefined>>()
assert<Equal<Outputs['reports']['ticks'], number>>()
assert<Equal<Outputs['reports']['silent'], void>>()
assert<Equal<keyof Outputs, 'ping' | 'rooms' | 'reports'>>()

// @ts-expect-error: there is no such procedure.
export type Missing = Inputs['rooms']['lits']

// ── A router keeps what it was defined with, and nothing is any ──────────────

assert<Equal<Chat['rooms']['list']['kind'], 'query'>>()
assert<Equal<Chat['rooms']['post']['kind'], 'mutation'>>()
assert<Equal<Chat['rooms']['messages']['kind'], 'subscription'>>()
assert<Equal<Chat['ping'], Procedure<'query', undefined, undefined, Record<never, never>, undefined>>>()
assert<Equal<InferInput<undefined>, void>>()
assert<Equal<InferOutput<undefined>, void>>()
assert<Equal<InferOutput<z.ZodOptional<z.ZodString>>, string | undefined>>()

// ── The client ───────────────────────────────────────────────────────────────

declare const api: RouterClient<typeof chat>

export async function calls(): Promise<void> {
  assert<Equal<Awaited<ReturnType<typeof api.rooms.post>>, Posted>>()
  assert<Equal<Awaited<ReturnType<typeof api.ping>>, void>>()
  const found = await api.rooms.find({ limit: '5', since: '2024-01-01' })
  assert<Equal<typeof found, { found: number; at: Date }>>()
  const { signal } = new AbortController()
  await api.rooms.post({ room: 'lobby', text: 'hi' }, { signal, timeoutMs: 5, meta: { a: 1 }, idempotencyKey: 'k' })

  // An input that may be left out is left out.
  await api.ping()
  await api.ping(undefined, { timeoutMs: 5 })
  await api.rooms.list()
  await api.rooms.deep.er.reset()
  await api.rooms.deep.er.reset('x')

  // @ts-expect-error: the input is required.
  api.rooms.post()
  // @ts-expect-error: a key is missing.
  api.rooms.post({ room: 'lobby' })
  // @ts-expect-error: a key has the wrong type.
  api.rooms.post({ room: 'lobby', text: 5 })
  // @ts-expect-error: a key is unknown.
  api.rooms.post({ room: 'lobby', text: 'hi', more: true })
  // @ts-expect-error: the output of a transform is not its input.
  api.rooms.find({ limit: 5, since: new Date() })
  // A procedure without input takes none.
  assert<Equal<object extends Parameters<typeof api.rooms.list>[0] ? true : false, false>>()
  // @ts-expect-error: a misspelt path.
  api.rooms.lits()
  // @ts-expect-error: a misspelt record.
  api.room.list()
  // @ts-expect-error: a record is not called.
  api.rooms()
  // @ts-expect-error: a procedure has no procedures.
  api.rooms.list.more()
  // @ts-expect-error: an option that does not exist.
  api.rooms.list(undefined, { timeout: 5 })
  // @ts-expect-error: a call has no onGap.
  api.rooms.list(undefined, { onGap: 'error' })
  // @ts-expect-error: nor does it resume.
  api.rooms.list(undefined, { lastEventId: 'x' })
  // @ts-expect-error: the proxy is read only.
  api.ping = api.rooms.list as never
}

export async function outputs(): Promise<void> {
  const message = await api.rooms.post({ room: 'lobby', text: 'hi' })
  message.at.getTime()
  // @ts-expect-error: there is no such field in the output.
  message.room
  // @ts-expect-error: void has nothing.
  ;(await api.ping()).anything
}

export async function subscriptions(): Promise<void> {
  const pending = api.rooms.messages({ room: 'lobby' }, { onGap: ({ reason }) => void reason, lastEventId: 'e' })
  assert<Equal<typeof pending, PendingSubscription<Posted, CallError<{ ROOM_CLOSED: { since: Date } }>>>>()
  const live = await pending
  assert<Equal<typeof live, Subscription<Posted>>>()
  assert<Equal<typeof live.processedId, string | undefined>>()
  for await (const item of api.rooms.messages({ room: 'lobby' })) assert<Equal<typeof item, Posted>>()
  for await (const item of live) assert<Equal<typeof item, Posted>>()
  for await (const item of api.reports.ticks()) assert<Equal<typeof item, number>>()
  await using disposed = api.reports.ticks(undefined, { onGap: 'error' })
  void disposed

  // @ts-expect-error: what was accepted is no promise any more.
  live.then
  // @ts-expect-error: a subscription under way is no whole promise: it has no catch.
  pending.catch(() => {})
  // @ts-expect-error: onGap takes a function or 'error'.
  api.reports.ticks(undefined, { onGap: 'ignore' })
  // @ts-expect-error: the item of a subscription has its type.
  for await (const item of api.reports.ticks()) item.text
}

export async function iteratingACall(): Promise<void> {
  // @ts-expect-error: a query's result is awaited, not iterated.
  for await (const item of api.rooms.list()) void item
  // @ts-expect-error: nor can it be disposed of.
  await using call = api.rooms.list()
  void call
  const list = await api.rooms.list()
  for (const name of list) assert<Equal<typeof name, string>>()
}

export function kinds(): void {
  const call = api.rooms.list()
  assert<Equal<typeof call, Call<string[], CallError<Record<never, never>>>>>()
  const promise: Promise<string[]> = call
  void promise
}

interface Given {
  unknown: unknown
  optional: { a: 1 } | undefined
  void: void
  object: { a?: 1 }
  branded: string & { readonly brand: 'id' }
  null: null
}

export async function leavingOutAnInput(): Promise<void> {
  type Takes<Input> = CallProcedure<Procedure<'query', UncheckedType<Input>, undefined, Record<never, never>>>
  const made = null as unknown as { [Name in keyof Given]: Takes<Given[Name]> }
  await Promise.all([made.unknown(), made.optional(), made.void()])
  // @ts-expect-error: an object without required keys is an object still.
  made.object()
  // @ts-expect-error: a branded text is a text.
  made.branded()
  // @ts-expect-error: null is not undefined.
  made.null()
}
