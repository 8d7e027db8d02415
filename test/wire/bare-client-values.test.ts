// The real server, driven by the bare client: values (PROTOCOL.md, section 8).
import { describe, expect, it } from 'vitest'
import { errorOf, startAndConnect } from './bare-client-server.ts'

describe('values', () => {
  const value = {
    nothings: [1, undefined, 3],
    numbers: [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0.5],
    big: -(2n ** 80n),
    at: new Date(1_700_000_000_123),
    link: new URL('https://example.org/a?b=c'),
    table: new Map([[new Date(5), new Set([1n, 2n])]]),
  }

  it.each(['typed', 'echo'])('travel both ways through %s', async (path) => {
    const { client } = await startAndConnect()
    expect(await client.call(path, value)).toEqual(value)
  })

  it.each([
    ['undefined', undefined],
    ['null', null],
    ['an invalid date', new Date(Number.NaN)],
    ['a bigint', 10n ** 4_000n],
    ['nested maps and sets', new Map([[new Set([new Map([['a', [undefined]]])]), new Set([Number.NaN])]])],
    ['keys that look like indexes and paths', { 0: new Date(1), 'a.b': [{ '': new Date(2) }] }],
  ])('travel from the top: %s', async (_, top) => {
    const { client } = await startAndConnect()
    expect(await client.call('echo', top)).toEqual(top)
  })

  it('travel in an error, its paths starting at the data', async () => {
    const { client } = await startAndConnect()
    await errorOf(client.call('rooms.post', { room: 'old', text: 'x' }))
    const error = client.frames.flat().find(([type]) => type === 4)
    expect(error?.[5]).toEqual([['date', 'since']])
  })

  it.each<[fault: string, json: unknown, rich: unknown]>([
    ['an unknown tag', 1, [['later']]],
    ['a reserved tag', [0, 1], [['bytes']]],
    ['a tag of the prototype', 1, [['constructor']]],
    ['an entry that is no array', 1, ['date']],
    ['an empty entry', 1, [[]]],
    ['a path to nowhere', { a: 1 }, [['date', 'b']]],
    ['a path through a number', { a: 1 }, [['date', 'a', 0]]],
    ['a path through an inherited key', {}, [['date', 'toString']]],
    ['__proto__ in a path', { a: 1 }, [['date', '__proto__']]],
    ['constructor in a path, though own', { constructor: 1 }, [['date', 'constructor']]],
    ['prototype in a path, though own', { prototype: 1 }, [['date', 'prototype']]],
    ['a string as an index', [1], [['date', '0']]],
    ['an index behind the end', [1], [['date', 1]]],
    ['length as a key', [1], [['date', 'length']]],
    ['a negative index', [1], [['date', -1]]],
    ['a fraction as an index', [1], [['date', 0.5]]],
    [
      'the outer before the inner',
      [[[1, 2]]],
      [
        ['map', 0],
        ['date', 0, 0, 1],
      ],
    ],
    ['undefined where no null is', 1, [['undefined']]],
    ['a number of another name', '1', [['number']]],
    ['a bigint in hexadecimal', '0x10', [['bigint']]],
    ['a bigint of a number', 5, [['bigint']]],
    ['a bigint of 4 097 digits', '1'.repeat(4_097), [['bigint']]],
    ['a date of a string', '2020-01-01', [['date']]],
    ['a url that is none', 'nowhere', [['url']]],
    ['a map of no pairs', [[1, 2, 3]], [['map']]],
    ['a set of an object', {}, [['set']]],
  ])('fails its call alone: %s', async (_, json, rich) => {
    const { client } = await startAndConnect()
    client.send([2, 1, 'echo', json, null, rich])
    await client.call('echo', 1, { id: 3 })
    const error = client.frames.flat().find(([type, id]) => type === 4 && id === 1)
    expect(error?.slice(0, 3)).toEqual([4, 1, 'BAD_REQUEST'])
    expect(error?.[4]).toMatchObject({ delivery: 'not-run' })
  })
})
