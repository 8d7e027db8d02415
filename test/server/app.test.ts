import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { mutation, query, subscription } from '../../packages/trunkline/src/contract/procedure.ts'
import { router } from '../../packages/trunkline/src/contract/router.ts'
import type { App } from '../../packages/trunkline/src/server/app.ts'
import { createCaller } from '../../packages/trunkline/src/server/caller.ts'
import { implement } from '../../packages/trunkline/src/server/implement.ts'
import { compileApp } from '../../packages/trunkline/src/server/operation.ts'

const contract = router({
  ping: query({ output: z.string() }),
  rooms: {
    post: mutation({ input: z.object({ text: z.string() }) }),
    deep: { watch: subscription({ output: z.number() }) },
  },
})

const ping = (): string => 'pong'
const post = (): void => {}
async function* watch(): AsyncGenerator<number> {
  yield 1
}
const whole = { ping, rooms: { post, deep: { watch } } }

/** What the compiler would refuse, as a JavaScript user can still write it. */
const untyped = (handlers: unknown) => implement(contract).handlers(handlers as never)

describe('handlers', () => {
  it('one for each procedure makes an app, with the router as it is', () => {
    const app = implement(contract).handlers(whole)
    expect(app.router).toBe(contract)
    expect([...compileApp(app as App, { validateOutput: true }).keys()]).toEqual([
      'ping',
      'rooms.post',
      'rooms.deep.watch',
    ])
  })

  it.each<[string, unknown, string]>([
    ['ping', { rooms: whole.rooms }, 'ping: the handler is missing'],
    ['rooms', { ping }, 'rooms: the handler is missing'],
    ['rooms.post', { ping, rooms: { deep: { watch } } }, 'rooms.post: the handler is missing'],
    ['rooms.deep.watch', { ping, rooms: { post, deep: {} } }, 'rooms.deep.watch: the handler is missing'],
    ['undefined', { ping, rooms: { post, deep: { watch: undefined } } }, 'rooms.deep.watch: the handler is missing'],
    ['inherited', Object.create(whole), 'ping: the handler is missing'],
  ])('a missing one is named: %s', (_name, handlers, message) => {
    expect(() => untyped(handlers)).toThrow(TypeError)
    expect(() => untyped(handlers)).toThrow(message)
  })

  it.each<[string, unknown, string]>([
    ['top', { ...whole, pong: ping }, 'pong: a handler without a procedure'],
    ['deep', { ping, rooms: { post, deep: { watch, look: watch } } }, 'rooms.deep.look: a handler without a procedure'],
    [
      'misspelt',
      { pnig: ping, rooms: whole.rooms },
      'pnig: a handler without a procedure in the router; did you mean ping?',
    ],
    ['a name of Object.prototype', { ...whole, hasOwnProperty: ping }, 'hasOwnProperty: a handler without a procedure'],
  ])('a superfluous one is named: %s', (_name, handlers, message) => {
    expect(() => untyped(handlers)).toThrow(TypeError)
    expect(() => untyped(handlers)).toThrow(message)
  })

  it.each<[string, unknown, string]>([
    ['text', { ...whole, ping: 'pong' }, 'ping: the handler is a string, not a function'],
    ['null', { ...whole, ping: null }, 'ping: the handler is null, not a function'],
    ['a record', { ...whole, ping: { ping } }, 'ping: the handler is a plain object, not a function'],
    [
      'a promise',
      { ...whole, ping: Promise.resolve(ping) },
      'ping: the handler is an instance of Promise, not a function',
    ],
    [
      'a function for a record',
      { ping, rooms: post },
      'rooms: expected a record of handlers { post, deep }, got a function (post)',
    ],
    ['null for a record', { ping, rooms: null }, 'rooms: expected a record of handlers { post, deep }, got null'],
  ])('one that is %s is named', (_name, handlers, message) => {
    expect(() => untyped(handlers)).toThrow(TypeError)
    expect(() => untyped(handlers)).toThrow(message)
  })

  it.each([undefined, null, 5, 'x', () => {}])('%s in place of all is refused', (handlers) => {
    expect(() => untyped(handlers)).toThrow(TypeError)
  })

  it('a procedure named like a method of Object.prototype needs its own handler', () => {
    const odd = router({ toLocaleString: query({ output: z.string() }), propertyIsEnumerable: query() })
    expect(() => implement(odd).handlers({} as never)).toThrow('toLocaleString: the handler is missing')
    const app = implement(odd).handlers({ toLocaleString: () => 'mine', propertyIsEnumerable: () => {} })
    return expect(createCaller(app).toLocaleString()).resolves.toBe('mine')
  })
})

describe('an implementer', () => {
  it('is not changed by what is made of it', async () => {
    const seen: string[] = []
    const base = implement(router({ a: query() })).context<{ user: string }>()
    const first = base.use(({ next }) => {
      seen.push('first')
      return next()
    })
    first.use(({ next }) => {
      seen.push('second')
      return next()
    })
    await createCaller(base.handlers({ a: () => {} }), { context: { user: 'u' } }).a()
    expect(seen).toEqual([])
    await createCaller(first.handlers({ a: () => {} }), { context: { user: 'u' } }).a()
    expect(seen).toEqual(['first'])
  })
})

describe('wrapped handlers', () => {
  const authed = implement(contract).middleware(({ next }) => next())

  it('only an app can run one', () => {
    const wrapped = authed(() => 'x') as unknown as () => void
    expect(() => wrapped()).toThrow(/run by its app/)
  })

  it('wrapping what is no function is refused', () => {
    expect(() => authed('x' as never)).toThrow(TypeError)
  })
})
