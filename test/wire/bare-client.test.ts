// The real server, driven by the bare client: the upgrade, `hello`, calls (PROTOCOL.md, sections 1 to 4).
import { RpcError } from 'trunkline'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Mailbox } from './bare-client-mailbox.ts'
import { errorOf, gate, open, openOfBytes, settleDown, start, startAndConnect } from './bare-client-server.ts'

describe('the upgrade', () => {
  it('selects trunkline.v1 among others', async () => {
    const { url } = await start()
    const client = await open(url, { protocols: ['trunkline.v2', 'trunkline.v1', 'other'] })
    expect(client.socket.protocol).toBe('trunkline.v1')
  })

  it.each([[[]], [['graphql-transport-ws']], [['trunkline']]])(
    'answers 400 to the subprotocols %j',
    async (protocols) => {
      const { url } = await start()
      await expect(open(url, { protocols })).rejects.toThrow('400')
    },
  )

  it('accepts another version with the first offered and closes with 4006', async () => {
    const { url } = await start()
    const client = await open(url, { protocols: ['other', 'trunkline.v9', 'trunkline.v8'] })
    expect(client.socket.protocol).toBe('trunkline.v9')
    expect(await client.closed()).toMatchObject({ code: 4006 })
  })
})

describe('hello and welcome', () => {
  it('welcomes with a connection, a new session and the limits', async () => {
    const { url } = await start()
    const client = await open(url)
    client.hello()
    expect(await client.welcome()).toMatchObject({ connection: expect.any(String), session: 'new' })
  })

  it('takes a hello with every key, unknown ones too', async () => {
    const { url } = await start()
    const client = await open(url)
    client.hello({
      received: 0,
      params: { a: 1 },
      timeoutMs: 1,
      credit: [1, 1],
      features: ['later'],
      meta: {},
      more: 1,
    })
    await client.welcome()
  })

  it('takes calls right behind hello in the same turn', async () => {
    const { url } = await start()
    const client = await open(url)
    client.hello()
    const sums = [client.call('math.add', { a: 1, b: 2 }), client.call('math.add', { a: 3, b: 4 })]
    expect(await Promise.all(sums)).toEqual([3, 7])
    expect(await client.ping()).toEqual([13, 1, client.session.received])
  })

  it('works calls off only after authentication', async () => {
    const authentication = gate()
    const entered = gate()
    const authenticate = async () => {
      entered.release()
      await authentication.passed
      return {}
    }
    const { url, witness } = await start({ authenticate })
    const client = await open(url)
    client.hello()
    const sum = client.call('math.add', { a: 1, b: 2 })
    await entered.passed
    expect(witness.ran).toEqual([])
    authentication.release()
    expect(await sum).toBe(3)
  })

  it('answers a ping sent before welcome', async () => {
    const authentication = gate()
    const authenticate = () => authentication.passed.then(() => ({}))
    const { url } = await start({ authenticate })
    const client = await open(url)
    client.hello()
    const pong = client.ping()
    authentication.release()
    expect(await pong).toEqual([13, 0, 0])
  })

  it('closes with 4108 when no hello comes in time', async () => {
    const { url } = await start({ helloTimeoutMs: 30 })
    const client = await open(url)
    expect(await client.closed()).toMatchObject({ code: 4108 })
  })

  it('gives params to authenticate', async () => {
    const seen = new Mailbox<unknown>()
    const authenticate = ({ params }: { params: unknown }) => {
      seen.put(params)
      return {}
    }
    const { url } = await start({ authenticate })
    const client = await open(url)
    client.hello({ params: { token: 'a' } })
    expect(await seen.take('params')).toEqual({ token: 'a' })
  })

  it.each([
    ['UNAUTHORIZED', 4001],
    ['FORBIDDEN', 4003],
  ])('closes refused credentials (%s) with %i and the message of the refusal', async (code, closeCode) => {
    const authenticate = () => {
      throw new RpcError(code, { message: 'not you' })
    }
    const { url } = await start({ authenticate })
    const client = await open(url)
    client.hello()
    expect(await client.closed()).toEqual({ code: closeCode, reason: 'not you' })
  })

  it('cuts a long reason at 123 bytes on a border of a code point', async () => {
    const authenticate = () => {
      throw new RpcError('FORBIDDEN', { message: `ab${'€'.repeat(60)}` })
    }
    const { url } = await start({ authenticate })
    const client = await open(url)
    client.hello()
    expect(await client.closed()).toEqual({ code: 4003, reason: `ab${'€'.repeat(40)}` })
  })

  it('closes with 1013 when authentication fails, and keeps the cause to itself', async () => {
    const authenticate = () => Promise.reject(new Error('the database is away'))
    const { url } = await start({ authenticate })
    const client = await open(url)
    client.hello()
    const { code, reason } = await client.closed()
    expect(code).toBe(1013)
    expect(reason).not.toContain('database')
  })

  it('takes 64 KiB before it has authenticated', async () => {
    const authentication = gate()
    const { url } = await start({ authenticate: () => authentication.passed.then(() => ({})) })
    const client = await open(url)
    client.hello()
    for (const id of [1, 3, 5]) client.socket.send(openOfBytes(id, 20 * 1_024))
    client.session.sent = 3
    const echo = client.call('echo', 'last', { id: 7 })
    authentication.release()
    expect(await echo).toBe('last')
  })

  it.each([
    ['one frame', 1, 65 * 1_024],
    ['many frames', 65, 1_024],
  ])('closes with 4000 on more than 64 KiB before authentication, in %s', async (_, frames, bytes) => {
    const authentication = gate()
    onTestFinished(authentication.release)
    const { url, witness } = await start({ authenticate: () => authentication.passed.then(() => ({})) })
    const client = await open(url)
    client.hello()
    for (let index = 0; index < frames; index += 1) client.socket.send(openOfBytes(2 * index + 1, bytes))
    expect(await client.closed()).toMatchObject({ code: 4000 })
    expect(witness.ran).toEqual([])
  })
})

describe('calls', () => {
  it('answers queries, mutations and what has no output', async () => {
    const { client } = await startAndConnect()
    expect(await client.call('math.add', { a: 1, b: 2 })).toBe(3)
    expect(await client.call('rooms.post', { room: 'a', text: 'four' })).toBe(4)
    expect(await client.call('rooms.mark')).toBeGreaterThan(0)
  })

  it('answers a batch with one batch, in the order of arrival', async () => {
    const { client } = await startAndConnect()
    await Promise.all([1, 2, 3].map((value) => client.call('echo', value)))
    expect(client.frames.at(-1)).toEqual([
      [3, 1, 1],
      [3, 3, 2],
      [3, 5, 3],
    ])
    expect(client.session.sent).toBe(1)
  })

  it('ignores elements and keys it does not know', async () => {
    const { client } = await startAndConnect()
    client.socket.send('[2,1,"echo",1,{"later":1},[],"more",{}]')
    client.session.sent += 1
    await client.call('echo', 2, { id: 3 })
    expect(client.frames.flat()).toContainEqual([3, 1, 1])
  })

  it('answers a typed error with its data', async () => {
    const { client } = await startAndConnect()
    const error = await errorOf(client.call('rooms.post', { room: 'old', text: 'x' }))
    expect(error).toMatchObject({ code: 'ROOM_CLOSED', details: { data: { since: new Date(86_400_000) } } })
    expect(error.details.delivery ?? 'ran').toBe('ran')
  })

  it('answers INTERNAL without the cause when a handler throws', async () => {
    const { client } = await startAndConnect()
    const error = await errorOf(client.call('fail'))
    expect(error.code).toBe('INTERNAL')
    expect(JSON.stringify(client.frames)).not.toContain('secret')
  })

  it('answers an invalid input with BAD_REQUEST and its issues', async () => {
    const { client, witness } = await startAndConnect()
    const error = await errorOf(client.call('rooms.post', { room: 'a', text: '' }))
    expect(error.code).toBe('BAD_REQUEST')
    expect(error.details).toMatchObject({
      delivery: 'not-run',
      data: { issues: [{ message: expect.any(String), path: ['text'] }] },
    })
    expect(witness.ran).toEqual([])
  })

  it('gives an issue at the root a path too', async () => {
    const { client } = await startAndConnect()
    const error = await errorOf(client.call('math.add', 5))
    expect(error.details.data).toEqual({ issues: [{ message: expect.any(String), path: [] }] })
  })

  it.each([
    ...['', 'nope', 'math', 'math.', 'math.nope', 'math.add.length', 'x'.repeat(128), 'x'.repeat(129)],
    ...[
      '__proto__',
      'constructor',
      'toString',
      'then',
      'math.__proto__',
      'math.constructor',
      'math.toString',
      'math.then',
    ],
    ...['__proto__.toString', 'constructor.name', 'math.add.constructor', 'hasOwnProperty'],
  ])('answers NOT_FOUND for the path %j and stays open', async (path) => {
    const { client } = await startAndConnect()
    expect(await errorOf(client.call(path))).toMatchObject({ code: 'NOT_FOUND', details: { delivery: 'not-run' } })
    expect(await client.call('echo', 1)).toBe(1)
  })

  it('settles with TIMEOUT at the deadline of the open, and of hello', async () => {
    const { url, witness } = await start()
    const client = await open(url)
    client.hello({ timeoutMs: 20 })
    expect((await errorOf(client.call('slow', undefined, { timeoutMs: 10 }))).code).toBe('TIMEOUT')
    expect((await errorOf(client.call('slow'))).code).toBe('TIMEOUT')
    expect(await witness.aborted.take('abort')).toBe('slow')
  })

  it('says nothing more about a cancelled call, and aborts its signal', async () => {
    const { client, witness } = await startAndConnect()
    const call = client.call('slow')
    call.catch(() => {})
    await client.call('echo', 1)
    client.cancel(1)
    expect((await errorOf(call)).code).toBe('CANCELLED')
    expect(await witness.aborted.take('abort')).toBe('slow')
    await settleDown(client)
    expect(client.frames.flat().filter(([type, id]) => type !== 1 && id === 1)).toEqual([])
  })

  it.each([
    ['result', 'echo', 1],
    ['accept', 'rooms.messages', { room: 'a' }],
  ])('says nothing after its %s for a call that the same frame cancels', async (_, path, input) => {
    const { client } = await startAndConnect()
    client.send([2, 1, path, input])
    client.send([10, 1])
    client.flush()
    await client.call('echo', 'behind', { id: 3 })
    expect(client.frames.flat().filter(([type, id]) => type !== 1 && id === 1).length).toBeLessThanOrEqual(1)
  })

  it('ignores cancel and credit for an id it does not know', async () => {
    const { client } = await startAndConnect()
    client.send([10, 99])
    client.send([9, 99, 5, 5])
    await settleDown(client)
  })

  it('refuses calls and streams over the limits with OVERLOADED', async () => {
    const { client } = await startAndConnect({ limits: { calls: 2, streams: 1 } })
    for (const call of [client.call('slow'), client.call('slow')]) call.catch(() => {})
    const overloaded = { code: 'OVERLOADED', details: { delivery: 'not-run' } }
    expect(await errorOf(client.call('slow'))).toMatchObject(overloaded)
    client.cancel(1)
    client.cancel(3)
    await client.subscribe('rooms.messages', { room: 'a' }).accepted()
    const second = client.subscribe('rooms.messages', { room: 'a' })
    expect(await errorOf(second.accepted())).toMatchObject({ code: 'OVERLOADED', details: { stream: true } })
  })

  it('refuses new calls after goaway with SHUTTING_DOWN', async () => {
    const { client, server } = await startAndConnect()
    const running = client.call('slow', undefined, { timeoutMs: 200 })
    running.catch(() => {})
    await client.call('echo', 1)
    const closing = server.close({ drainMs: 2_000 })
    expect(await client.goaway()).toMatchObject({ drainMs: 2_000 })
    expect(await errorOf(client.call('echo', 1))).toMatchObject({
      code: 'SHUTTING_DOWN',
      details: { delivery: 'not-run' },
    })
    expect((await errorOf(running)).code).toBe('TIMEOUT')
    expect(await client.closed()).toMatchObject({ code: expect.toSatisfy((code) => code === 4201 || code === 1012) })
    await closing
  })
})
