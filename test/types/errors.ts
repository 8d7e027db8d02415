// What a call fails with: `safe` narrows by code, `errors.CODE` takes its data.
import { type BuiltinCode, isRpcError, type RouterErrors, RpcError } from 'trunkline'
import { createClient, safe } from 'trunkline/client'
import { implement } from 'trunkline/server'
import { assert, type Equal } from './assert.ts'
import { type Chat, chat } from './contract.ts'

const { api } = createClient<Chat>({ url: 'ws://localhost' })

export async function narrowing(): Promise<void> {
  const outcome = await safe(api.rooms.post({ room: 'lobby', text: 'hi' }))
  if (outcome.ok) {
    assert<Equal<typeof outcome.value, { id: string; text: string; at: Date }>>()
    // @ts-expect-error: a success has no error.
    outcome.error
    return
  }
  const { error } = outcome
  // @ts-expect-error: a failure has no value.
  outcome.value
  switch (error.code) {
    case 'ROOM_CLOSED':
      assert<Equal<typeof error.data, { since: Date }>>()
      break
    case 'MUTED':
      assert<Equal<typeof error.data, void>>()
      break
    case 'ODD':
      // The caller gets what the schema gives.
      assert<Equal<typeof error.data, number>>()
      break
    case 'BAD_REQUEST':
      assert<Equal<NonNullable<typeof error.data>['issues'][number]['message'], string>>()
      break
    case 'TIMEOUT':
    case 'INTERNAL':
      assert<Equal<typeof error.data, undefined>>()
      break
    // @ts-expect-error: no such code.
    case 'ROOM_OPEN':
      break
  }
  assert<Equal<typeof error.delivery, 'not-run' | 'unknown' | 'ran'>>()
}

export async function narrowingWithoutErrors(): Promise<void> {
  const outcome = await safe(api.rooms.list())
  if (outcome.ok) return
  // This procedure declares no error, so its codes are the built-in ones.
  assert<Equal<typeof outcome.error.code, BuiltinCode>>()
}

export async function narrowingOfASubscription(): Promise<void> {
  const outcome = await safe(api.rooms.messages({ room: 'lobby' }))
  if (outcome.ok) {
    for await (const { at } of outcome.value) assert<Equal<typeof at, Date>>()
  } else if (outcome.error.code === 'ROOM_CLOSED') {
    assert<Equal<typeof outcome.error.data.since, Date>>()
  }
}

export function exhaustive(error: RouterErrors<Chat>['rooms']['messages']): string {
  switch (error.code) {
    case 'ROOM_CLOSED':
      return 'closed'
    case 'BAD_REQUEST':
    case 'UNAUTHORIZED':
    case 'FORBIDDEN':
    case 'NOT_FOUND':
    case 'TIMEOUT':
    case 'CANCELLED':
    case 'CONNECTION_LOST':
    case 'RATE_LIMITED':
    case 'TOO_LARGE':
    case 'OVERLOADED':
    case 'SLOW_CONSUMER':
    case 'GAP':
    case 'SHUTTING_DOWN':
    case 'INTERNAL':
      return 'built in'
  }
}

export function makingErrors(): void {
  implement(chat.rooms).handlers({
    list: () => [],
    find: () => ({ found: 'x', at: undefined }),
    post: ({ errors }) => {
      throw Math.random() > 0.5 ? errors.ROOM_CLOSED({ since: new Date() }, 'closed') : errors.MUTED()
    },
    messages: ({ errors }) => {
      // @ts-expect-error: the data is required.
      errors.ROOM_CLOSED()
      // @ts-expect-error: the data has the wrong type.
      errors.ROOM_CLOSED({ since: 'yesterday' })
      // @ts-expect-error: the data has an unknown key.
      errors.ROOM_CLOSED({ since: new Date(), by: 'ada' })
      // @ts-expect-error: this error is another procedure's.
      errors.MUTED()
      throw errors.ROOM_CLOSED({ since: new Date() })
    },
    deep: { er: { reset: () => {} } },
  })
  implement(chat.rooms).handlers({
    list: ({ errors }) => {
      // @ts-expect-error: no errors were declared.
      throw errors.ROOM_CLOSED({ since: new Date() })
    },
    find: () => ({ found: 'x' }),
    post: ({ errors }) => {
      // A handler gives what the schema takes.
      assert<Equal<Parameters<typeof errors.ODD>[0], string>>()
      throw errors.ODD('5')
    },
    messages: async function* () {},
    deep: { er: { reset: () => {} } },
  })
}

export function byHand(value: unknown): void {
  const error = new RpcError('TEAPOT', { message: 'short', data: { stout: true } })
  assert<Equal<typeof error, RpcError<'TEAPOT', { stout: boolean }>>>()
  const bare = new RpcError('TEAPOT')
  assert<Equal<typeof bare, RpcError<'TEAPOT', undefined>>>()
  if (isRpcError(value)) assert<Equal<typeof value, RpcError>>()
  // @ts-expect-error: delivery is one of three.
  new RpcError('TEAPOT', { delivery: 'maybe' })
}
