import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { mutation, query, subscription } from '../../packages/trunkline/src/contract/procedure.ts'
import { router } from '../../packages/trunkline/src/contract/router.ts'
import { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import { createCaller } from '../../packages/trunkline/src/server/caller.ts'
import type { MiddlewareArgument, Passed } from '../../packages/trunkline/src/server/handler.ts'
import { implement } from '../../packages/trunkline/src/server/implement.ts'

const contract = router({
  rooms: {
    get: query({ input: z.string(), output: z.string(), meta: { role: 'reader' } }),
    post: mutation({ output: z.number() }),
    watch: subscription({ output: z.number() }),
  },
})

interface Context {
  user: string
}

const start = () => implement(contract).context<Context>()

/** The rest of the handlers, for tests that are about one. */
const others = {
  get: ({ input }: { input: string }) => input,
  post: () => 1,
  async *watch() {
    yield 1
    yield 2
  },
}

/** A middleware that writes down when it goes in and out. */
const log =
  (lines: string[], name: string) =>
  async ({ next }: MiddlewareArgument<Context>): Promise<Passed<object>> => {
    lines.push(`${name} in`)
    try {
      return await next()
    } finally {
      lines.push(`${name} out`)
    }
  }

const context = { user: 'ada' }

describe('the order', () => {
  it('is that of use(), then that of the wrappers, outermost first; the way back is reversed', async () => {
    const lines: string[] = []
    const outer = start().middleware(log(lines, 'outer'))
    const inner = start().middleware(log(lines, 'inner'))
    const app = start()
      .use(log(lines, 'first'))
      .use(log(lines, 'second'))
      .handlers({
        rooms: {
          ...others,
          get: outer(
            inner(({ input }: { input: string }) => {
              lines.push(`handler ${input}`)
              return input
            }),
          ),
        },
      })
    expect(await createCaller(app, { context }).rooms.get('x')).toBe('x')
    expect(lines).toEqual([
      'first in',
      'second in',
      'outer in',
      'inner in',
      'handler x',
      'inner out',
      'outer out',
      'second out',
      'first out',
    ])
  })

  it('a wrapper runs for its own handler only', async () => {
    const lines: string[] = []
    const wrapped = start().middleware(log(lines, 'wrapper'))
    const app = start().handlers({ rooms: { ...others, get: wrapped(others.get) } })
    await createCaller(app, { context }).rooms.post()
    expect(lines).toEqual([])
  })

  it('middleware runs before the input is validated', async () => {
    const lines: string[] = []
    const app = start().use(log(lines, 'first')).handlers({ rooms: others })
    await expect(createCaller(app, { context }).rooms.get(5 as never)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(lines).toEqual(['first in', 'first out'])
  })
})

describe('what a middleware sees', () => {
  it('path, kind, meta of the contract, meta of the call, context and signal', async () => {
    const seen: unknown[] = []
    const app = start()
      .use(({ path, kind, meta, call, context: given, signal, next }) => {
        seen.push({ path, kind, meta, call: call.meta, given, aborted: signal.aborted })
        return next()
      })
      .handlers({ rooms: others })
    const { rooms } = createCaller(app, { context })
    await rooms.get('x', { meta: { trace: 't' } })
    await rooms.post()
    await rooms.watch()
    expect(seen).toEqual([
      {
        path: 'rooms.get',
        kind: 'query',
        meta: { role: 'reader' },
        call: { trace: 't' },
        given: context,
        aborted: false,
      },
      { path: 'rooms.post', kind: 'mutation', meta: {}, call: {}, given: context, aborted: false },
      { path: 'rooms.watch', kind: 'subscription', meta: {}, call: {}, given: context, aborted: false },
    ])
  })

  it('its signal is the one the handler gets', async () => {
    const signals: AbortSignal[] = []
    const app = start()
      .use(({ signal, next }) => {
        signals.push(signal)
        return next()
      })
      .handlers({
        rooms: {
          ...others,
          post: ({ signal }) => {
            signals.push(signal)
            return 1
          },
        },
      })
    await createCaller(app, { context }).rooms.post()
    expect(signals[0]).toBe(signals[1])
  })
})

describe('the context', () => {
  it('grows with what each next() adds, and later ones see it', async () => {
    const app = start()
      .use(({ next }) => next({ context: { a: 1 } }))
      .use(({ context: { a, user }, next }) => next({ context: { b: `${user}${a}` } }))
      .handlers({ rooms: { ...others, get: ({ context: given }) => JSON.stringify(given) } })
    expect(JSON.parse(await createCaller(app, { context }).rooms.get('x'))).toEqual({ user: 'ada', a: 1, b: 'ada1' })
  })

  it('an added key takes the place of one that was there', async () => {
    const app = start()
      .use(({ next }) => next({ context: { user: 'eve' } }))
      .handlers({ rooms: { ...others, get: ({ context: given }) => given.user } })
    expect(await createCaller(app, { context }).rooms.get('x')).toBe('eve')
  })

  it('that authenticate made is not changed: the next call starts from it again', async () => {
    let calls = 0
    const app = start()
      .use(({ next }) => next({ context: { call: ++calls } }))
      .handlers({ rooms: { ...others, get: ({ context: given }) => JSON.stringify(given) } })
    const made = Object.freeze({ user: 'ada' })
    const { rooms } = createCaller(app, { context: made })
    await rooms.get('x')
    expect(JSON.parse(await rooms.get('x'))).toEqual({ user: 'ada', call: 2 })
    expect(made).toEqual({ user: 'ada' })
  })

  it('stays the same object where nothing was added', async () => {
    const seen: unknown[] = []
    const app = start()
      .use(({ next }) => next())
      .handlers({
        rooms: {
          ...others,
          post: ({ context: given }) => {
            seen.push(given)
            return 1
          },
        },
      })
    await createCaller(app, { context }).rooms.post()
    expect(seen[0]).toBe(context)
  })

  it('a wrapper extends the context of its handler', async () => {
    const admin = start().middleware(({ context: { user }, next }) => next({ context: { admin: user === 'ada' } }))
    const app = start().handlers({ rooms: { ...others, get: admin(({ context: given }) => String(given.admin)) } })
    expect(await createCaller(app, { context }).rooms.get('x')).toBe('true')
  })
})

describe('next()', () => {
  it('called twice is refused with the path, and the handler runs once', async () => {
    let runs = 0
    const app = start()
      .use(async ({ next }) => {
        await next()
        return next()
      })
      .handlers({ rooms: { ...others, post: () => ++runs } })
    await expect(createCaller(app, { context }).rooms.post()).rejects.toThrow(/^rooms\.post: .*twice/)
    expect(runs).toBe(1)
  })

  it('called twice at once is refused too', async () => {
    let runs = 0
    const app = start()
      .use(async ({ next }) => {
        const [first] = await Promise.all([next(), next()])
        return first
      })
      .handlers({ rooms: { ...others, post: () => ++runs } })
    await expect(createCaller(app, { context }).rooms.post()).rejects.toThrow(TypeError)
    expect(runs).toBe(1)
  })

  it('asks a thenable of a handler once, be it passed on as it is or not: there are queries that run each time', async () => {
    for (const middleware of [
      ({ next }: { next(): unknown }) => next(),
      async ({ next }: { next(): unknown }) => next(),
    ]) {
      let asked = 0
      const query = {
        // biome-ignore lint/suspicious/noThenProperty: a lazy query is one.
        then: (resolve: (value: number) => void) => {
          asked++
          resolve(7)
        },
      }
      const app = start()
        .use(middleware as never)
        .handlers({ rooms: { ...others, post: () => query as never } })
      expect(await createCaller(app, { context }).rooms.post()).toBe(7)
      expect(asked).toBe(1)
    }
  })

  it('passed on as it is throws what the handler throws, and nothing is left unhandled', async () => {
    const unhandled: unknown[] = []
    const hear = (error: unknown) => void unhandled.push(error)
    process.on('unhandledRejection', hear)
    const app = start()
      .use(({ next }) => next())
      .use(({ next }) => next())
      .handlers({
        rooms: {
          ...others,
          post: () => {
            throw new RpcError('GONE', { message: 'it is gone' })
          },
        },
      })
    await expect(createCaller(app, { context }).rooms.post()).rejects.toMatchObject({ code: 'GONE' })
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', hear)
    expect(unhandled).toEqual([])
  })

  it('may be called once by each middleware, and once a call', async () => {
    const app = start()
      .use(({ next }) => next())
      .use(({ next }) => next())
      .handlers({ rooms: others })
    const { rooms } = createCaller(app, { context })
    expect(await rooms.post()).toBe(1)
    expect(await rooms.post()).toBe(1)
  })

  it('gives the output, which a middleware may replace', async () => {
    const app = start()
      .use(async ({ next, kind }) => {
        const output: unknown = await next()
        return (kind === 'query' ? `<${output}>` : output) as Passed<object>
      })
      .handlers({ rooms: others })
    const { rooms } = createCaller(app, { context })
    expect(await rooms.get('x')).toBe('<x>')
    expect(await rooms.post()).toBe(1)
  })

  it('what a middleware makes of an output is validated too', async () => {
    const app = start()
      .use(async ({ next }) => {
        await next()
        return 5 as unknown as Passed<object>
      })
      .handlers({ rooms: others })
    await expect(createCaller(app, { context }).rooms.get('x')).rejects.toMatchObject({ code: 'INTERNAL' })
  })

  it('gives the iterable of a stream, which a middleware may wrap', async () => {
    const app = start()
      .use(async ({ next, kind }) => {
        const source: unknown = await next()
        if (kind !== 'subscription') return source as Passed<object>
        async function* double(): AsyncGenerator<number> {
          for await (const item of source as AsyncIterable<number>) yield item * 2
        }
        return double() as unknown as Passed<object>
      })
      .handlers({ rooms: others })
    const items: number[] = []
    for await (const item of createCaller(app, { context }).rooms.watch()) items.push(item)
    expect(items).toEqual([2, 4])
  })

  it('throws what the handler throws, even synchronously, and a middleware may answer for it', async () => {
    const app = start()
      .use(async ({ next }) => {
        try {
          return await next()
        } catch (error) {
          return `saved from ${(error as Error).message}` as unknown as Passed<object>
        }
      })
      .handlers({
        rooms: {
          ...others,
          get: () => {
            throw new Error('trouble')
          },
        },
      })
    expect(await createCaller(app, { context }).rooms.get('x')).toBe('saved from trouble')
  })

  it('throws BAD_REQUEST for an invalid input', async () => {
    const codes: string[] = []
    const app = start()
      .use(async ({ next }) => {
        try {
          return await next()
        } catch (error) {
          codes.push((error as RpcError).code)
          throw error
        }
      })
      .handlers({ rooms: others })
    await expect(createCaller(app, { context }).rooms.get(5 as never)).rejects.toMatchObject({ code: 'BAD_REQUEST' })
    expect(codes).toEqual(['BAD_REQUEST'])
  })
})

describe('a refusal', () => {
  it('reaches the caller, and neither handler nor later middleware run', async () => {
    const lines: string[] = []
    const app = start()
      .use(async ({ context: { user }, next }) => {
        if (user !== 'eve') return next()
        throw new RpcError('FORBIDDEN', { message: 'not you' })
      })
      .use(log(lines, 'later'))
      .handlers({
        rooms: {
          ...others,
          post: () => {
            lines.push('handler')
            return 1
          },
        },
      })
    const refused = createCaller(app, { context: { user: 'eve' } }).rooms.post()
    await expect(refused).rejects.toMatchObject({ code: 'FORBIDDEN', message: 'not you' })
    expect(lines).toEqual([])
  })

  it('of a stream is thrown to whoever iterates it', async () => {
    const app = start()
      .use(async () => {
        throw new RpcError('FORBIDDEN')
      })
      .handlers({ rooms: others })
    const stream = createCaller(app, { context }).rooms.watch()
    await expect(stream[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'FORBIDDEN' })
  })
})
