import { describe, expect, it } from 'vitest'
import { encodeItem, nominalItemBytes, sizeOf } from '../../packages/trunkline/src/protocol/messages.ts'
import { encodeNow } from './encode-now.ts'

// The texts themselves are in test/wire/vectors; here is what no vector can hold.

/** An item of this many UTF-16 units of JSON. */
const itemOf = (length: number): { json: string; rich: undefined } => ({
  json: JSON.stringify('x'.repeat(length - 2)),
  rich: undefined,
})

describe('the size of an item', () => {
  it('is left out up to 1 024 units of JSON, and is that length above', () => {
    expect(nominalItemBytes).toBe(1024)
    expect(sizeOf(itemOf(1024))).toBe(0)
    expect(sizeOf(itemOf(1025))).toBe(1025)
    expect(sizeOf(undefined)).toBe(0)
  })

  it('counts units of UTF-16, not bytes', () => {
    expect(sizeOf(encodeNow('線'.repeat(1_000)))).toBe(0)
    expect(sizeOf(encodeNow('😀'.repeat(600)))).toBe(1202)
  })

  it('counts the rich list too', () => {
    const list = Array.from({ length: 100 }, (_, index) => new Date(index))
    const payload = encodeNow(list)
    expect(payload.json.length).toBeLessThan(1024)
    expect(sizeOf(payload)).toBe(payload.json.length + (payload.rich?.length ?? 0))
  })

  it('counts bytes', () => {
    const payload = encodeNow([new Uint8Array(1_000), new Float64Array(100)])
    expect(sizeOf(payload)).toBe(payload.json.length + (payload.rich?.length ?? 0) + 1_800)
    expect(encodeItem(3, payload, undefined)).toMatchObject({ bytes: { length: 1_800 } })
    expect(sizeOf(encodeNow(new Uint8Array(900)))).toBe(0)
  })

  it('stands in fifth place, with null for an event id that is absent', () => {
    const text = encodeItem(3, itemOf(2_000), undefined)
    expect(JSON.parse(String(text)).slice(3)).toEqual([null, 2_000])
    expect(JSON.parse(String(encodeItem(3, itemOf(2_000), 'e'))).slice(3)).toEqual(['e', 2_000])
  })
})
