// The real server, driven by the bare client: what closes the connection (PROTOCOL.md, sections 1 and 2).
import { describe, expect, it } from 'vitest'
import type { Close } from './bare-client.ts'
import { connect, open, openOfBytes, start, startAndConnect } from './bare-client-server.ts'

describe('refusals', () => {
  /** Sends frames as they stand, and waits for the close. */
  async function closeOf(frames: readonly string[], { hello = true } = {}): Promise<Close> {
    const { url } = await start()
    const client = hello ? await connect(url) : await open(url)
    for (const frame of frames) client.socket.send(frame)
    return client.closed()
  }

  it.each([
    ...['', 'nope', '{}', '5', '"x"', 'null', 'true', '[]', '[[]]', '[null]', '[true]', '["2"]', '[1.5]'],
    ...['[17]', '[-1]', '[99,1]', '[[["nested"]]]', '[[12,0,0],5]', '[[12,0,0],[]]', '[[12,0,0],{}]', '[[10,1],["x"]]'],
  ])('closes with 4000 on the frame %s', async (frame) => {
    expect(await closeOf([frame])).toMatchObject({ code: 4000 })
  })

  it.each(['[[12,0,0],[10,1]]', '[[10,1],[12,0,0]]'])('closes a frame that mixes %s with 4000', async (frame) => {
    expect(await closeOf([frame])).toMatchObject({ code: 4000 })
  })

  it.each<[name: string, frame: string]>([
    ...shapes('open', ['2', '2,1', '2,"1","echo"', '2,null,"echo"', '2,0,"echo"', '2,-1,"echo"', '2,1.5,"echo"']),
    ...shapes('open', ['2,2,"echo"', '2,9007199254740993,"echo"', '2,1,5', '2,1,null', '2,1,["echo"]']),
    ...shapes('open', ['2,1,"echo",1,5', '2,1,"echo",1,"x"', '2,1,"echo",1,[]', '2,1,"echo",1,true']),
    ...options(['timeoutMs', ['"5"', '0', '-1', '[]']], ['meta', ['[]', '5', '"x"']], ['repeat', ['1', '"true"']]),
    ...options(['key', ['5', '{}', `"${'k'.repeat(129)}"`]], ['lastEventId', ['5', '[]', `"${'e'.repeat(513)}"`]]),
    ...options(['credit', ['5', '{}', '[]', '[1]', '["1",1]', '[1,"1"]', '[-1,1]', '[1.5,1]']]),
    ...shapes('credit', ['9', '9,"1",1,1', '9,0,1,1', '9,1.5,1,1', '9,1,"1",1', '9,1,1,"1"', '9,1,-1,1', '9,1,1,0.5']),
    ...shapes('cancel', ['10', '10,"1"', '10,null', '10,0', '10,-1', '10,1.5', '10,[1]']),
    ...shapes('ping', ['12', '12,0', '12,"0",0', '12,0,"0"', '12,-1,0', '12,0.5,0', '12,0,null', '12,[0,0]']),
    ...shapes('pong', ['13', '13,0', '13,"0",0', '13,0,"0"', '13,-1,0', '13,0.5,0', '13,0,null']),
    ...shapes('welcome', ['1,{"connection":"x","session":"new"}']),
    ...shapes('goaway', ['14,{"drainMs":1}']),
    ...shapes('gap', ['7,1,{"reason":"dropped"}']),
    ...shapes('hello', ['0,{"session":"again","attempt":2}']),
  ])('closes with 4000 and names %s: %s', async (name, frame) => {
    const { code, reason } = await closeOf([frame])
    expect(code).toBe(4000)
    expect(reason).toContain(name)
  })

  it.each([
    ...['[0]', '[0,null]', '[0,5]', '[0,[]]', '[0,{}]', '[0,{"session":"x"}]', '[0,{"attempt":1}]'],
    ...['""', '5', 'null', '"a b"', '"ä"', `"${'s'.repeat(65)}"`].map(
      (session) => `[0,{"session":${session},"attempt":1}]`,
    ),
    ...['0', '-1', '1.5', '"1"', 'null'].map((attempt) => `[0,{"session":"x","attempt":${attempt}}]`),
    ...['"received":-1', '"received":0.5', '"received":"0"', '"params":[]', '"params":"x"', '"params":5'].map(
      helloWith,
    ),
    ...['"timeoutMs":0', '"timeoutMs":"5"', '"timeoutMs":-1'].map(helloWith),
    ...['"credit":5', '"credit":[1]', '"credit":["1",1]', '"credit":[-1,1]', '"credit":[1,0.5]'].map(helloWith),
    ...['"features":"x"', '"features":{}', '"features":[1]'].map(helloWith),
  ])('closes with 4000 and names hello: %s', async (frame) => {
    const { code, reason } = await closeOf([frame], { hello: false })
    expect(code).toBe(4000)
    expect(reason).toContain('hello')
  })

  it.each([
    ...['"timeoutMs":0', '"meta":[]', '"meta":5', '"contract":5', '"settled":5'].map(helloWith),
    helloWith(`"meta":{"text":"${'x'.repeat(65 * 1_024)}"}`),
  ])('does not welcome %s', async (frame) => {
    const { url } = await start()
    const client = await open(url)
    client.socket.send(frame)
    await expect(client.welcome()).rejects.toThrow('4000')
  })

  it.each(['[2,1,"echo"]', '[10,1]', '[9,1,1,1]', '[12,0,0]', '[13,0,0]', '[[2,1,"echo"]]', 'nope', '[]'])(
    'closes with 4000 when %s comes instead of hello',
    async (frame) => {
      expect(await closeOf([frame], { hello: false })).toMatchObject({ code: 4000 })
    },
  )

  it('closes with 4000 on hello and a call in one frame', async () => {
    const frame = '[[0,{"session":"x","attempt":1}],[2,1,"echo"]]'
    expect(await closeOf([frame], { hello: false })).toMatchObject({ code: 4000 })
  })

  it.each([
    ['the same', '[2,3,"echo"]'],
    ['a lower one', '[2,1,"echo"]'],
  ])('closes with 4000 on an id that does not rise: %s', async (_, second) => {
    const close = await closeOf(['[2,3,"echo"]', second])
    expect(close.code).toBe(4000)
    expect(close.reason).toContain('open')
  })

  it.each([true, false])('closes a binary frame without a header with 4000 (after hello: %s)', async (hello) => {
    const { url } = await start()
    const client = hello ? await connect(url) : await open(url)
    client.socket.send(Buffer.from('[12,0,0]'))
    expect(await client.closed()).toMatchObject({ code: 4000 })
  })

  it('takes a batch of limits.messageBytes and 64 KiB, and closes one above with 1009', async () => {
    const { client } = await startAndConnect()
    const half = (1_048_576 + 65_536) / 2
    client.socket.send(`[${openOfBytes(1, half - 1)},${openOfBytes(3, half - 2)}]`)
    client.session.sent += 1
    expect(await client.call('echo', 1, { id: 5 })).toBe(1)
    client.socket.send(`[${openOfBytes(7, half)},${openOfBytes(9, half)}]`)
    expect(await client.closed()).toMatchObject({ code: 1009 })
  })

  it('takes a message of limits.messageBytes, and closes one above with 1009', async () => {
    const { client } = await startAndConnect()
    client.socket.send(openOfBytes(1, 1_048_576))
    client.session.sent += 1
    await client.call('echo', 'behind', { id: 3 })
    client.socket.send(openOfBytes(5, 1_048_577))
    expect(await client.closed()).toMatchObject({ code: 1009 })
  })
})

function shapes(name: string, elements: readonly string[]): [name: string, frame: string][] {
  return elements.map((inner) => [name, `[${inner}]`])
}

function options(...keys: [key: string, values: readonly string[]][]): [name: string, frame: string][] {
  const frame = (key: string, value: string) => `[2,1,"echo",1,{"${key}":${value}}]`
  return keys.flatMap(([key, values]) => values.map((value): [string, string] => ['open', frame(key, value)]))
}

function helloWith(field: string): string {
  return `[0,{"session":"x","attempt":1,${field}}]`
}
