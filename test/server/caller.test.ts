import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { event } from '../../packages/trunkline/src/contract/event.ts'
import { mutation, query, subscription } from '../../packages/trunkline/src/contract/procedure.ts'
import { router } from '../../packages/trunkline/src/contract/router.ts'
import { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import { createCaller } from '../../packages/trunkline/src/server/caller.ts'
import type { HandlerArgument } from '../../packages/trunkline/src/server/handler.ts'
import { implement } from '../../packages/trunkline/src/server/implement.ts'
import { memoryPublisher } from '../../packages/trunkline/src/server/publisher.ts'

const User = z.object({ name: z.string(), born: z.date() })

const contract = router({
  users: {
    get: query({ input: z.object({ name: z.string().trim(), age: z.number().default(7) }), output: User }),
    remove: mutation({
      input: z.string(),
      errors: { GONE: z.object({ since: z.date() }), BUSY: z.void() },
    }),
    slow: mutation({ input: z.string().refine(async (text) => text !== 'bad'), output: z.string() }),
    watch: subscription({ input: z.object({ to: z.number() }), output: z.object({ n: z.number() }) }),
    unchecked: query({ output: z.object({ n: z.number() }), validateOutput: false }),
  },
  nothing: query(),
})

type Handlers = Parameters<ReturnType<typeof implement<typeof contract>>['handlers']>[0]
type Users = Handlers['users']

async function* count({ input }: { input: { to: number } }): AsyncGenerator<{ n: number }> {
  for (let n = 1; n <= input.to; n++) yield { n }
}

function callerOf(users: Partial<Users> = {}) {
  const app = implement(contract).handlers({
    users: {
      get: ({ input }) => ({ name: input.name, born: new Date(input.age) }),
      remove: () => {},
      slow: ({ input }) => input,
      watch: count,
      unchecked: () => ({ n: 1 }),
      ...users,
    },
    nothing: () => {},
  })
  return createCaller(app)
}

/** A promise that never settles. */
const never = (): Promise<never> => new Promise(() => {})

/** Lets everything that can happen without a timer happen. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

describe('calls', () => {
  it('have the shape of the router', () => {
    const caller = callerOf()
    expect(Object.keys(caller)).toEqual(['users', 'nothing'])
    expect(Object.keys(caller.users)).toEqual(['get', 'remove', 'slow', 'watch', 'unchecked'])
  })

  it('give what the handler gives; the handler gets what the schema makes of the input', async () => {
    const seen: unknown[] = []
    const { users } = callerOf({
      get: ({ input }) => {
        seen.push(input)
        return { name: input.name, born: new Date(0) }
      },
    })
    expect(await users.get({ name: ' ada ', secret: 1 } as never)).toEqual({ name: 'ada', born: new Date(0) })
    expect(seen).toEqual([{ name: 'ada', age: 7 }])
  })

  it('strip unknown keys of an output', async () => {
    const { users } = callerOf({ get: () => ({ name: 'ada', born: new Date(0), secret: 1 }) as never })
    expect(await users.get({ name: 'ada' })).toEqual({ name: 'ada', born: new Date(0) })
  })

  it('give undefined where the contract has no output, whatever the handler gives', async () => {
    const { users } = callerOf({ remove: () => 'secret' as never })
    expect(await users.remove('x')).toBeUndefined()
  })

  it('hand the handler undefined where the contract has no input', async () => {
    let seen: unknown = 'untouched'
    const app = implement(router({ nothing: query() })).handlers({
      nothing: ({ input }) => {
        seen = input
      },
    })
    await createCaller(app).nothing('something' as never)
    expect(seen).toBeUndefined()
  })

  it('leave an output as it is where the contract says validateOutput: false', async () => {
    const given = { n: 'x', more: true }
    const { users } = callerOf({ unchecked: () => given as never })
    expect(await users.unchecked()).toBe(given)
  })

  it('give the handler a context, meta, and a connection that names the caller', async () => {
    let seen: Partial<HandlerArgument<unknown, unknown, unknown>> = {}
    const app = implement(router({ a: query() }))
      .context<{ user: string }>()
      .handlers({
        a: ({ context, meta, connection, lastEventId }) => {
          seen = { context, meta, connection, lastEventId }
        },
      })
    const context = { user: 'ada' }
    await createCaller(app, { context }).a(undefined, { meta: { trace: 't' } })
    expect(seen.context).toBe(context)
    expect(seen).toMatchObject({ meta: { trace: 't' }, connection: { id: 'caller', principal: undefined } })
  })

  it('are independent of each other: each has its own signal', async () => {
    const signals: AbortSignal[] = []
    const { users } = callerOf({
      remove: ({ signal }) => {
        signals.push(signal)
      },
    })
    await Promise.all([users.remove('a'), users.remove('b')])
    expect(signals[0]).not.toBe(signals[1])
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false])
  })
})

describe('errors', () => {
  it('an invalid input is BAD_REQUEST with its issues, and the handler does not run', async () => {
    let runs = 0
    const { users } = callerOf({
      get: () => {
        runs++
        return { name: '', born: new Date(0) }
      },
    })
    const failure = users.get({ name: 5 } as never)
    await expect(failure).rejects.toBeInstanceOf(RpcError)
    await expect(failure).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('name: '),
      data: { issues: [{ path: ['name'] }] },
    })
    expect(runs).toBe(0)
  })

  it('an input that an async refine refuses is BAD_REQUEST', async () => {
    await expect(callerOf().users.slow('bad')).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(await callerOf().users.slow('good')).toBe('good')
  })

  it('an output that its schema refuses is INTERNAL with the path and the cause', async () => {
    const { users } = callerOf({ get: () => ({ name: 'ada' }) as never })
    const failure = users.get({ name: 'ada' })
    await expect(failure).rejects.toMatchObject({ code: 'INTERNAL', delivery: 'ran' })
    await expect(failure).rejects.toThrow(/^users\.get: the output is not what the contract says: /)
  })

  it('a contract error has its code, message and data', async () => {
    const since = new Date(0)
    const { users } = callerOf({
      remove: ({ input, errors }) => {
        if (input === 'busy') throw errors.BUSY(undefined, 'try later')
        throw errors.GONE({ since })
      },
    })
    await expect(users.remove('x')).rejects.toMatchObject({ code: 'GONE', message: 'GONE', data: { since } })
    await expect(users.remove('busy')).rejects.toMatchObject({ code: 'BUSY', message: 'try later' })
  })

  it('what a handler throws reaches the caller whole', async () => {
    const thrown = new Error('secret')
    const { users } = callerOf({
      remove: () => {
        throw thrown
      },
      slow: async () => {
        throw null
      },
    })
    await expect(users.remove('x')).rejects.toBe(thrown)
    await expect(users.slow('x')).rejects.toBe(null)
  })

  it('an invalid input says that the handler has not run', async () => {
    await expect(callerOf().users.get({ name: 5 } as never)).rejects.toMatchObject({ delivery: 'not-run' })
  })
})

describe('signal', () => {
  it('an aborted one ends the call at once with CANCELLED, and the handler does not run', async () => {
    let runs = 0
    const { users } = callerOf({
      remove: () => {
        runs++
      },
    })
    await expect(users.remove('x', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CANCELLED' })
    expect(runs).toBe(0)
  })

  it('an aborted one says that the handler has not run', async () => {
    const failure = callerOf().users.remove('x', { signal: AbortSignal.abort() })
    await expect(failure).rejects.toMatchObject({ delivery: 'not-run' })
  })

  it('aborted while the handler runs ends the call with CANCELLED, and aborts the signal of the handler', async () => {
    const controller = new AbortController()
    let signal: AbortSignal | undefined
    const { users } = callerOf({
      slow: (argument) => {
        signal = argument.signal
        return never()
      },
    })
    const call = users.slow('x', { signal: controller.signal })
    await turn()
    expect(signal?.aborted).toBe(false)
    controller.abort()
    expect(signal?.aborted).toBe(true)
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', delivery: 'unknown' })
  })

  it('aborted during validation keeps the handler from running', async () => {
    const controller = new AbortController()
    let runs = 0
    const { users } = callerOf({
      slow: () => {
        runs++
        return 'x'
      },
    })
    const call = users.slow('x', { signal: controller.signal })
    controller.abort()
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' })
    await turn()
    expect(runs).toBe(0)
  })

  it('aborted after the answer changes nothing, and keeps no listener', async () => {
    const controller = new AbortController()
    const added = vi.spyOn(controller.signal, 'addEventListener')
    const removed = vi.spyOn(controller.signal, 'removeEventListener')
    const call = callerOf().users.slow('x', { signal: controller.signal })
    expect(await call).toBe('x')
    await turn()
    expect(removed.mock.calls.length).toBe(added.mock.calls.length)
    controller.abort()
    expect(await call).toBe('x')
  })
})

describe('timeoutMs', () => {
  beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
  afterEach(() => vi.useRealTimers())

  it('ends the call with TIMEOUT and aborts the signal of the handler', async () => {
    let signal: AbortSignal | undefined
    const { users } = callerOf({
      slow: (argument) => {
        signal = argument.signal
        return never()
      },
    })
    const failure = expect(users.slow('x', { timeoutMs: 500 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await vi.advanceTimersByTimeAsync(499)
    expect(signal?.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await failure
    expect(signal?.aborted).toBe(true)
  })

  it('is 30 s where none is said', async () => {
    let settled = false
    const call = callerOf({ slow: never }).users.slow('x')
    call.catch(() => {
      settled = true
    })
    await vi.advanceTimersByTimeAsync(29_999)
    expect(settled).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(settled).toBe(true)
  })

  it('leaves no timer behind an answer', async () => {
    await callerOf().users.slow('x', { timeoutMs: 500 })
    await vi.advanceTimersByTimeAsync(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('of a subscription ends once it is accepted', async () => {
    const stream = callerOf({
      async *watch() {
        yield { n: 1 }
        await new Promise((resolve) => setTimeout(resolve, 5_000))
        yield { n: 2 }
      },
    }).users.watch({ to: 2 }, { timeoutMs: 500 })
    const iterator = stream[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ value: { n: 1 } })
    const second = iterator.next()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await second).toMatchObject({ value: { n: 2 } })
  })

  it.each([2 ** 31, Number.POSITIVE_INFINITY])('of %d ms is clamped, not zero', async (timeoutMs) => {
    let code: string | undefined
    const call = callerOf({ slow: never }).users.slow('x', { timeoutMs })
    call.catch((error) => {
      code = error.code
    })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(code).toBeUndefined()
  })

  it('that passes during validation keeps the handler from running', async () => {
    let runs = 0
    const slowly = router({
      a: mutation({ input: z.string().refine(() => new Promise((resolve) => setTimeout(resolve, 1_000, true))) }),
    })
    const app = implement(slowly).handlers({
      a: () => {
        runs++
      },
    })
    const failure = expect(createCaller(app).a('x', { timeoutMs: 500 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    await vi.advanceTimersByTimeAsync(2_000)
    await failure
    expect(runs).toBe(0)
  })
})

describe('subscriptions', () => {
  const collect = async (stream: AsyncIterable<unknown>): Promise<unknown[]> => {
    const items: unknown[] = []
    for await (const item of stream) items.push(item)
    return items
  }

  it('are iterated at once, or awaited first', async () => {
    const { users } = callerOf()
    expect(await collect(users.watch({ to: 2 }))).toEqual([{ n: 1 }, { n: 2 }])
    const accepted = await users.watch({ to: 2 })
    expect('then' in accepted).toBe(false)
    expect(await collect(accepted)).toEqual([{ n: 1 }, { n: 2 }])
  })

  it('have their input validated: awaiting and iterating give BAD_REQUEST', async () => {
    const { users } = callerOf()
    await expect(users.watch({ to: 'x' } as never)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    await expect(collect(users.watch({ to: 'x' } as never))).rejects.toMatchObject({ code: 'BAD_REQUEST' })
  })

  it('that are refused and not looked at leave no unhandled rejection', async () => {
    const unhandled: unknown[] = []
    const listen = (reason: unknown): number => unhandled.push(reason)
    process.on('unhandledRejection', listen)
    callerOf().users.watch({ to: 'x' } as never)
    await turn()
    process.off('unhandledRejection', listen)
    expect(unhandled).toEqual([])
  })

  it('have each item validated, without unknown keys', async () => {
    const { users } = callerOf({
      async *watch() {
        yield { n: 1, secret: true } as { n: number }
        yield { n: 'x' } as never
      },
    })
    const iterator = users.watch({ to: 1 })[Symbol.asyncIterator]()
    expect(await iterator.next()).toEqual({ done: false, value: { n: 1 } })
    await expect(iterator.next()).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('give the value of an event, and remember the id of the one the loop has finished with', async () => {
    const { users } = callerOf({
      async *watch() {
        yield event({ n: 1 }, { id: 'a' })
        yield event({ n: 2 }, { id: 'b' })
      },
    })
    const accepted = await users.watch({ to: 2 })
    const processed: unknown[] = []
    for await (const item of accepted) processed.push([item, accepted.processedId])
    expect(processed).toEqual([
      [{ n: 1 }, undefined],
      [{ n: 2 }, 'a'],
    ])
    expect(accepted.processedId).toBe('b')
  })

  it('hand lastEventId to the handler', async () => {
    const seen: unknown[] = []
    const { users } = callerOf({
      async *watch({ lastEventId }) {
        seen.push(lastEventId)
        yield { n: 1 }
      },
    })
    await collect(users.watch({ to: 1 }, { lastEventId: 'e' }))
    expect(seen).toEqual(['e'])
  })

  it('a break aborts the signal, then runs finally', async () => {
    const log: string[] = []
    const { users } = callerOf({
      async *watch({ signal }) {
        signal.addEventListener('abort', () => log.push('abort'))
        try {
          for (let n = 1; ; n++) yield { n }
        } finally {
          log.push('finally')
        }
      },
    })
    for await (const item of users.watch({ to: 1 })) if (item.n === 3) break
    expect(log).toEqual(['abort', 'finally'])
  })

  it.each(['a generator', 'a feed'])('tell of what %s can not continue, as over a socket', async (what) => {
    const gaps: unknown[] = []
    const bus = memoryPublisher()
    const { users } = callerOf({
      watch: (given) =>
        what === 'a feed'
          ? (bus.subscribe('t', { lastEventId: given.lastEventId }) as AsyncIterable<{ n: number }>)
          : one(),
    })
    async function* one() {
      yield { n: 1 }
    }
    const iterator = users
      .watch({ to: 1 }, { lastEventId: 'x', onGap: (gap) => gaps.push(gap) })
      [Symbol.asyncIterator]()
    const next = iterator.next()
    await turn()
    await bus.publish('t', { n: 1 })
    expect(await next).toEqual({ done: false, value: { n: 1 } })
    const reason = what === 'a feed' ? 'history' : 'source'
    expect(gaps).toEqual([{ path: 'users.watch', reason, lastEventId: 'x' }])
    const strict = users.watch({ to: 1 }, { lastEventId: 'x', onGap: 'error' })
    await expect(strict[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'GAP' })
  })

  it('remember the id of a feed’s event', async () => {
    const bus = memoryPublisher()
    const { users } = callerOf({ watch: () => bus.subscribe('t') as AsyncIterable<{ n: number }> })
    const accepted = await users.watch({ to: 1 })
    const iterator = accepted[Symbol.asyncIterator]()
    const id = await bus.publish('t', { n: 1 })
    await bus.publish('t', { n: 2 })
    expect(await iterator.next()).toMatchObject({ value: { n: 1 } })
    expect(await iterator.next()).toMatchObject({ value: { n: 2 } })
    expect(accepted.processedId).toBe(id)
    await iterator.return?.()
  })

  it('their end aborts nothing, as over a socket', async () => {
    let signal: AbortSignal | undefined
    const { users } = callerOf({
      async *watch(given) {
        signal = given.signal
        yield { n: 1 }
      },
    })
    await collect(users.watch({ to: 1 }))
    expect(signal?.aborted).toBe(false)
  })

  it('what the generator throws is thrown in the loop, behind the items before it', async () => {
    const thrown = new RpcError('GONE')
    const { users } = callerOf({
      async *watch() {
        yield { n: 1 }
        throw thrown
      },
    })
    const iterator = users.watch({ to: 1 })[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ value: { n: 1 } })
    await expect(iterator.next()).rejects.toBe(thrown)
    expect(await iterator.next()).toEqual({ done: true, value: undefined })
  })

  it('are disposed of by `await using`: the signal aborts', async () => {
    let signal: AbortSignal | undefined
    const { users } = callerOf({
      watch: (argument) => {
        signal = argument.signal
        return count(argument)
      },
    })
    const accepted = await users.watch({ to: 5 })
    await accepted[Symbol.asyncDispose]()
    expect(signal?.aborted).toBe(true)
  })

  it('take a publisher’s feed', async () => {
    const bus = memoryPublisher<{ numbers: { n: number } }>()
    const { users } = callerOf({ watch: ({ signal }) => bus.subscribe('numbers', { signal }) })
    const accepted = await users.watch({ to: 1 })
    await bus.publish('numbers', { n: 1 })
    const iterator = accepted[Symbol.asyncIterator]()
    expect(await iterator.next()).toMatchObject({ value: { n: 1 } })
    await iterator.return?.()
  })

  it('of a handler that gives no iterable end with a TypeError', async () => {
    const { users } = callerOf({ watch: () => 5 as never })
    await expect(collect(users.watch({ to: 1 }))).rejects.toThrow(TypeError)
  })

  it('an aborted signal ends the loop with CANCELLED, even where the generator does not look at it', async () => {
    const controller = new AbortController()
    const { users } = callerOf({
      async *watch() {
        yield { n: 1 }
        await never()
      },
    })
    const iterator = users.watch({ to: 1 }, { signal: controller.signal })[Symbol.asyncIterator]()
    await iterator.next()
    let outcome: unknown = 'pending'
    iterator.next().then(
      (result) => {
        outcome = result
      },
      (error) => {
        outcome = error
      },
    )
    controller.abort()
    await turn()
    expect(outcome).toMatchObject({ code: 'CANCELLED' })
  })

  it('an aborted signal ends the loop over a feed with CANCELLED', async () => {
    const controller = new AbortController()
    const bus = memoryPublisher<{ numbers: { n: number } }>()
    const { users } = callerOf({ watch: ({ signal }) => bus.subscribe('numbers', { signal }) })
    const next = users.watch({ to: 1 }, { signal: controller.signal })[Symbol.asyncIterator]().next()
    await turn()
    controller.abort()
    await expect(next).rejects.toMatchObject({ code: 'CANCELLED' })
  })

  it('items that were consumed are let go of', async () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const given: WeakRef<object>[] = []
    const { users } = callerOf({
      async *watch() {
        for (let n = 0; ; n++) {
          const item = { n }
          given.push(new WeakRef(item))
          yield item
        }
      },
    })
    for await (const _item of users.watch({ to: 0 })) {
      if (given.length < 100) continue
      await turn()
      gc()
      // The last ones may still be on the stack.
      expect(given.slice(0, 90).filter((reference) => reference.deref()).length).toBeLessThan(10)
      break
    }
  })

  it('a feed that was accepted and disposed of, but never iterated, is closed', async () => {
    const bus = memoryPublisher<{ numbers: { n: number } }>()
    const { users } = callerOf({ watch: () => bus.subscribe('numbers', { policy: 'pause', bufferItems: 1 }) })
    const accepted = await users.watch({ to: 1 })
    await accepted[Symbol.asyncDispose]()
    await bus.publish('numbers', { n: 1 })
    let published = false
    bus.publish('numbers', { n: 2 }).then(() => {
      published = true
    })
    await turn()
    expect(published).toBe(true)
  })
})
