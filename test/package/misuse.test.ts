import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { event, mutation, query, RpcError, router, subscription, type } from 'trunkline'
import { attach, serve } from 'trunkline/node'
import { createCaller, createServer, implement, latestBy, memoryPublisher } from 'trunkline/server'
import { createPair } from 'trunkline/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

// Misuse that has no place on the page: refused at once all the same, with the place, what was expected and what came.
const chat = router({
  whoami: query({ output: z.string() }),
  messages: subscription({ output: z.string() }),
  anything: query({ input: type<unknown>(), output: type<unknown>() }),
})
const handlers = { whoami: () => 'ada', messages: async function* () {}, anything: () => 1 }
const app = implement(chat).handlers(handlers)
const bus = memoryPublisher<{ news: string }>()

/** As JavaScript sees it: the compiler would not let these mistakes through. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
const untyped = (value: unknown): any => value

describe('misuse', () => {
  it.each<[string, () => unknown, string]>([
    [
      'a definition that is null',
      () => query(untyped(null)),
      'query(definition): expected { input, output, errors }, got null',
    ],
    ['an unknown key', () => mutation(untyped({ inputs: 1 })), 'mutation({ inputs }): expected only input, output,'],
    [
      'errors as a list',
      () => router({ a: query({ errors: untyped(['X']) }) }),
      'a: errors: expected a record of schemas by code, got an array',
    ],
    [
      'an old zod',
      () => router({ a: query({ input: untyped({ _def: {} }) }) }),
      'got a schema that is none: use zod 4',
    ],
    [
      'no router',
      () => implement(untyped(undefined)),
      'the router: expected a procedure or a record of procedures, got undefined',
    ],
    ['a router that was not checked', () => implement(untyped({ a: z.string() })), 'a: this is a schema.'],
    [
      'no handlers',
      () => implement(chat).handlers(untyped(undefined)),
      'handlers: expected a record of handlers { whoami, messages, anything }, got undefined',
    ],
    [
      'an app in place of a router',
      () => implement(untyped(app)),
      'implement(router): expected a router, got an app, which has its handlers already',
    ],
    [
      'an option of a publisher that there is not',
      () => memoryPublisher(untyped({ histroy: 16 })),
      'memoryPublisher({ histroy }): expected only history, maxAgeMs',
    ],
    ['no middleware', () => implement(chat).use(untyped('x')), 'use(middleware): expected a function, got a string'],
    ['an app without handlers', () => createServer(untyped(implement(chat))), 'got one without its handlers'],
    ['no app', () => createServer(untyped(undefined)), 'got undefined'],
    [
      'no context for a caller',
      () => untyped(createCaller)(implement(chat).context<{ user: string }>().handlers(handlers)),
      'createCaller(app, { context }): expected',
    ],
    [
      'an option that is no function',
      () => createServer(app, { onError: untyped('log') }),
      'options.onError: expected a function, got a string',
    ],
    [
      'an option that there is not',
      () => createServer(app, untyped({ keepAliveMs: 5_000 })),
      'options.keepAliveMs: expected one of port, host, tls, path, origins,',
    ],
    [
      'an option within an option that there is not',
      () => createServer(app, { keepAlive: untyped({ interval: 5_000 }) }),
      'options.keepAlive.interval: expected one of intervalMs, timeoutMs',
    ],
    [
      'a limit of zero',
      () => createServer(app, { limits: { calls: 0 } }),
      'options.limits.calls: expected a positive integer, got 0',
    ],
    [
      'an id that is a number',
      () => event(1, { id: untyped(5) }),
      'event(value, { id }): expected a string of 1 to 512 characters, got a number',
    ],
    [
      'a key by name',
      () => latestBy(untyped('id')),
      'latestBy(key): expected a function from a value to its key, got a string',
    ],
    [
      'an unknown policy',
      () => bus.subscribe('news', { policy: untyped('drop') }),
      'policy: expected one of pause, latest, drop-oldest, end or latestBy(key), got drop',
    ],
    [
      'a path without a slash',
      () => attach(app, createHttpServer(), { path: 'rpc' }),
      'options.path: expected a path that begins with "/", got "rpc"',
    ],
    [
      'a framework in place of its server',
      () =>
        attach(
          app,
          untyped(() => {}),
        ),
      'attach(app, httpServer): expected an HTTP server, got a function',
    ],
    [
      'a url before it listens',
      () => attach(app, createHttpServer()).url,
      'server.url: the HTTP server does not listen on a port',
    ],
    [
      'two apps at one path',
      () => {
        const http = createHttpServer()
        attach(app, http)
        attach(app, http)
      },
      'attach(app, httpServer): this server has an app at "/" already',
    ],
  ])('%s is a TypeError that says so', (_what, run, words) => {
    expect(run).toThrow(TypeError)
    expect(run).toThrow(words)
    expect(run).toThrow(/ \(node_modules\/trunkline\/docs\/mistakes\.md#\w+\)$/)
  })

  it.each([70_000, -1, 1.5, '3000'])('port %s is refused', async (port) => {
    await expect(serve(app, { port: untyped(port) })).rejects.toThrow(
      'options.port: expected an integer from 0 to 65535',
    )
  })

  it.each([
    ['a misspelt option', { prot: 3000 }, 'options.prot: expected one of port, host, tls, path, origins,'],
    ['a port in place of options', 3000, 'options: expected an object such as { limits: { … } }, got a number'],
  ])('%s is refused', async (_what, options, words) => {
    await expect(serve(app, untyped(options))).rejects.toThrow(words)
  })

  it('a server that is refused leaves no port open', async () => {
    const probe = createHttpServer()
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve))
    const { port } = probe.address() as AddressInfo
    await new Promise((resolve) => probe.close(resolve))
    await expect(serve(app, { host: '127.0.0.1', port, path: 'rpc' })).rejects.toThrow('options.path')
    const server = await serve(app, { host: '127.0.0.1', port })
    expect(server.url).toBe(`ws://127.0.0.1:${port}/`)
    await server.close()
  })

  it('an authenticate that gives nothing is told to onError', async () => {
    const told = new Promise<unknown>((resolve) => {
      const pair = createPair(app, {
        authenticate: untyped(() => undefined),
        onError: ({ error }) => {
          resolve(error)
          void pair.close()
        },
      })
      pair
        .createClient()
        .api.whoami()
        .catch(() => {})
    })
    expect(String(await told)).toContain('authenticate: expected a context, an object, got undefined')
  })

  it('an identify that gives nothing is told to onError', async () => {
    const told = new Promise<unknown>((resolve) => {
      const pair = createPair(app, {
        identify: untyped(() => undefined),
        onError: ({ error }) => {
          resolve(error)
          void pair.close()
        },
      })
      pair
        .createClient()
        .api.whoami()
        .catch(() => {})
    })
    expect(String(await told)).toContain('identify: expected { principal: string }, got undefined')
  })

  it('an RpcError without a code is a defect of the server, and the line goes on', async () => {
    const failing = untyped({
      ...handlers,
      whoami: () => {
        throw new RpcError(untyped(undefined))
      },
    })
    const pair = createPair(implement(chat).handlers(failing), { onError: () => {} })
    const { api } = pair.createClient()
    await expect(api.whoami()).rejects.toMatchObject({ code: 'INTERNAL' })
    await expect(api.anything(1)).resolves.toBe(1)
    await pair.close()
  })
})
