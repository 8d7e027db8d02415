import { query, router } from 'trunkline'
import { implement } from 'trunkline/server'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ServerConnection } from '../../packages/trunkline/src/server/connection.ts'
import { Connections } from '../../packages/trunkline/src/server/connections.ts'
import { acceptOn, hello } from './accepted.ts'

const fake = (remoteAddress?: string) => ({ remoteAddress }) as unknown as ServerConnection

describe('the list of connections', () => {
  it('knows them until they go', () => {
    const list = new Connections()
    const [one, other] = [fake(), fake()]
    for (const connection of [one, other]) list.add(connection)
    expect([...list]).toEqual([one, other])
    list.delete(one)
    list.delete(one)
    expect([...list]).toEqual([other])
    expect(list.size).toBe(1)
  })

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for an address', (name) => {
    const list = new Connections()
    list.add(fake(name))
    expect(list.unknownAt(name)).toBe(1)
  })

  it('counts those nobody knows by address', () => {
    const list = new Connections()
    const [one, other, far] = [fake('10.0.0.1'), fake('10.0.0.1'), fake('10.0.0.2')]
    for (const connection of [one, other, far]) list.add(connection)
    expect(['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((address) => list.unknownAt(address))).toEqual([2, 1, 0])
    list.known(one)
    list.known(far)
    expect(['10.0.0.1', '10.0.0.2'].map((address) => list.unknownAt(address))).toEqual([1, 0])
  })
})

const app = implement(router({ ping: query() })).handlers({ ping: () => {} })
const identify = ({ user }: { user: string }) => ({ principal: user })
const authenticate = ({ params }: { params: Record<string, unknown> }) => ({ user: String(params.user) })

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.clearAllTimers()
  vi.useRealTimers()
})

describe('connectionsPerPrincipal', () => {
  it('closes one more with 4104 and leaves the others alone', async () => {
    const { server, connect } = acceptOn(app as never, {
      authenticate,
      identify,
      limits: { connectionsPerPrincipal: 2 },
    })
    const ends = [connect(), connect(), connect(), connect()]
    for (const [index, end] of ends.entries()) end.say(hello({ user: index === 3 ? 'bob' : 'ada' }))
    await vi.advanceTimersByTimeAsync(0)
    expect(ends.map(({ closed }) => closed.map(({ code }) => code))).toEqual([[], [], [4104], []])
    expect(ends[2]?.sent).toEqual([])
    expect(ends[2]?.closed[0]?.reason).toContain('2 connections')
    ends[2]?.gone()
    ends[0]?.gone()
    const again = connect()
    again.say(hello({ user: 'ada' }))
    await vi.advanceTimersByTimeAsync(0)
    expect(again.sent[0]?.[0]).toBe(1)
    expect(server.stats().connections).toBe(3)
  })

  it('counts nobody who is not identified', async () => {
    const { connect } = acceptOn(app as never, { authenticate, limits: { connectionsPerPrincipal: 1 } })
    const ends = [connect(), connect(), connect()]
    for (const end of ends) end.say(hello({ user: 'ada' }))
    await vi.advanceTimersByTimeAsync(0)
    expect(ends.flatMap(({ closed }) => closed)).toEqual([])
  })

  it('lets a connection at the limit renew its credentials', async () => {
    const { connect } = acceptOn(app as never, {
      authenticate,
      identify,
      limits: { connectionsPerPrincipal: 1 },
    })
    const end = connect()
    end.say(hello({ user: 'ada' }), [15, { params: { user: 'ada' } }])
    await vi.advanceTimersByTimeAsync(0)
    expect(end.sent.map(([type]) => type)).toEqual([1, 16])
    expect(end.closed).toEqual([])
  })
})

describe('unauthenticatedPerAddress', () => {
  const options = { authenticate: () => new Promise<never>(() => {}) }

  it('is 64, of one address', () => {
    const { server, connect } = acceptOn(app as never, options)
    for (let count = 0; count < 63; count++) connect()
    expect(server.isCrowded('127.0.0.1')).toBe(false)
    connect()
    expect(server.isCrowded('127.0.0.1')).toBe(true)
    expect(server.isCrowded('127.0.0.2')).toBe(false)
    expect(server.isCrowded(undefined)).toBe(false)
  })

  it.each([
    ['before hello', false],
    ['while it is asked who it is', true],
  ])('counts no connection that has gone %s', (_when, saysHello) => {
    const { server, connect } = acceptOn(app as never, { ...options, limits: { unauthenticatedPerAddress: 1 } })
    const end = connect()
    if (saysHello) end.say(hello())
    expect(server.isCrowded('127.0.0.1')).toBe(true)
    end.gone()
    end.gone()
    expect(server.isCrowded('127.0.0.1')).toBe(false)
    connect()
    expect(server.isCrowded('127.0.0.1')).toBe(true)
  })

  it('counts no connection that is welcome, nor twice when that goes', async () => {
    const { server, connect } = acceptOn(app as never, {
      authenticate,
      limits: { unauthenticatedPerAddress: 1 },
    })
    const end = connect()
    end.say(hello())
    await vi.advanceTimersByTimeAsync(0)
    expect(server.isCrowded('127.0.0.1')).toBe(false)
    connect()
    end.gone()
    expect(server.isCrowded('127.0.0.1')).toBe(true)
  })

  it('counts no connection that was refused', async () => {
    const { server, connect } = acceptOn(app as never, {
      authenticate: () => Promise.reject(new Error('down')),
      limits: { unauthenticatedPerAddress: 1 },
    })
    connect().say(hello())
    await vi.advanceTimersByTimeAsync(0)
    expect(server.isCrowded('127.0.0.1')).toBe(false)
  })
})

describe('disconnect', () => {
  it('closes those that match with 4003, by principal or context, and counts them', async () => {
    const { server, connect } = acceptOn(app as never, { authenticate, identify })
    const ends = [connect(), connect(), connect()]
    for (const [index, end] of ends.entries()) end.say(hello({ user: ['ada', 'bob', 'ada'][index] }))
    await vi.advanceTimersByTimeAsync(0)
    const where = (_connection: unknown, context: unknown) => (context as { user: string }).user === 'ada'
    expect(server.disconnect({ where, reason: 'banned' })).toBe(2)
    expect(ends.map(({ closed }) => closed)).toEqual([
      [{ code: 4003, reason: 'banned' }],
      [],
      [{ code: 4003, reason: 'banned' }],
    ])
    expect(server.disconnect({ where })).toBe(0)
    expect(server.disconnect({ where: ({ principal }) => principal === 'bob' })).toBe(1)
    expect(ends[1]?.closed[0]?.reason).toBe('disconnected by the server')
  })

  it('asks about nobody who is not known yet', () => {
    const { server, connect } = acceptOn(app as never, { authenticate: () => new Promise<never>(() => {}) })
    connect().say(hello())
    expect(server.disconnect({ where: () => true })).toBe(0)
  })
})
