import { beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { compileSchema } from '../../packages/trunkline/src/contract/validator.ts'
import { RpcError } from '../../packages/trunkline/src/protocol/error.ts'
import { Items } from '../../packages/trunkline/src/server/items.ts'

let credits: [number, number][] = []
let items: Items
const host = { path: 'files.put', credit: (...limits: [number, number]) => void credits.push(limits) }
const take = (schema?: z.ZodType): void => {
  items = new Items(host, schema && compileSchema(schema))
}
const push = (...values: unknown[]): boolean[] => values.map((value) => items.push(value, 0))
const ended = { done: true, value: undefined }
const item = (value: unknown) => ({ done: false, value })

beforeEach(() => {
  credits = []
  take()
})

describe('items', () => {
  it('are read in the order in which they came, and end behind the last', async () => {
    push(1, 2)
    items.end()
    items.end()
    const seen: unknown[] = []
    for await (const value of items) seen.push(value)
    expect(seen).toEqual([1, 2])
    expect(await items.next()).toEqual(ended)
  })

  it('may be asked for before they come, several at a time', async () => {
    const asked = [items.next(), items.next(), items.next(), items.next()]
    push(1, 2)
    items.end()
    expect(await Promise.all(asked)).toEqual([item(1), item(2), ended, ended])
  })

  it('may be undefined and null', async () => {
    push(undefined, null)
    expect([await items.next(), await items.next()]).toEqual([item(undefined), item(null)])
  })

  it('are refused beyond the credit, and taken again once it was raised', async () => {
    expect(push(...Array(257).keys())).toEqual([...Array(256).fill(true), false])
    for (let count = 0; count < 128; count++) await items.next()
    expect(credits).toEqual([[384, 384 * 1024]])
    expect(push(1)).toEqual([true])
  })

  it('raise the credit as they are handed out at once too', async () => {
    for (let count = 0; count < 128; count++) {
      const next = items.next()
      push(count)
      await next
    }
    expect(credits).toEqual([[640, 640 * 1024]])
  })

  it('raise no credit once the caller has ended', async () => {
    push(...Array(256).keys())
    items.end()
    for (let count = 0; count < 256; count++) await items.next()
    items.renew()
    expect(credits).toEqual([])
  })

  it('state their credit once more when asked to', () => {
    items.renew()
    expect(credits).toEqual([[256, 262_144]])
  })
})

describe('a handler that leaves', () => {
  it('lets go of what waits, and of what still comes', async () => {
    push(1, 2, 3)
    for await (const value of items) {
      expect(value).toBe(1)
      break
    }
    expect(push(...Array(1_000).keys())).toEqual(Array(1_000).fill(true))
    expect(await items.next()).toEqual(ended)
    expect(credits).toEqual([])
  })

  it('in the middle of a wait has that end', async () => {
    const asked = items.next()
    await items.return()
    expect(await asked).toEqual(ended)
  })

  it('may do so by the end of its block', async () => {
    {
      await using block = items
      push(1)
      expect(await block.next()).toEqual(item(1))
    }
    expect(await items.next()).toEqual(ended)
  })

  it('hears of no failure afterwards', async () => {
    await items.return()
    items.abort(new RpcError('CANCELLED'))
    expect(await items.next()).toEqual(ended)
  })
})

describe('a failure', () => {
  const failure = new RpcError('CANCELLED')

  it('is thrown in place of what was not read, once', async () => {
    push(1, 2)
    items.abort(failure)
    items.abort(new Error('another'))
    await expect(items.next()).rejects.toBe(failure)
    expect(await items.next()).toEqual(ended)
  })

  it('is thrown to the first that waits; the others are at the end', async () => {
    const asked = [items.next(), items.next()]
    items.abort(failure)
    expect(await Promise.allSettled(asked)).toMatchObject([
      { status: 'rejected', reason: failure },
      { status: 'fulfilled', value: ended },
    ])
  })

  it('comes too late behind the end, if all was read', async () => {
    push(1)
    items.end()
    await items.next()
    items.abort(failure)
    expect(await items.next()).toEqual(ended)
  })

  it('takes what was not read although the caller had ended', async () => {
    push(1)
    items.end()
    items.abort(failure)
    await expect(items.next()).rejects.toBe(failure)
  })
})

describe('a schema', () => {
  it('makes of an item what the handler gets', async () => {
    take(z.string().transform((text) => text.length))
    push('four')
    expect(await items.next()).toEqual(item(4))
  })

  it('may be asynchronous, and keeps the order', async () => {
    take(z.number().refine(async (value) => value < 3))
    push(1, 2)
    expect(await Promise.all([items.next(), items.next()])).toEqual([item(1), item(2)])
  })

  it('that refuses an item is a BAD_REQUEST with the issues', async () => {
    take(z.object({ at: z.number() }))
    push({ at: 'two' })
    await expect(items.next()).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('files.put'),
      data: { issues: [{ path: ['at'] }] },
    })
  })

  it('that throws is a BAD_REQUEST too, and keeps its cause for onError', async () => {
    const defect = new Error('of the schema')
    take(
      z.number().transform(() => {
        throw defect
      }),
    )
    push(1)
    await expect(items.next()).rejects.toMatchObject({ code: 'BAD_REQUEST', cause: defect })
  })

  it('is not asked about what nobody reads', () => {
    take(
      z.number().refine(() => {
        throw new Error('asked')
      }),
    )
    expect(push('one', 'two')).toEqual([true, true])
  })
})
