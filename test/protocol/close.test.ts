import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { closeCode, cutReason, subprotocol } from '../../packages/trunkline/src/protocol/close.ts'

const bytes = (text: string): number => Buffer.byteLength(text)

describe('cutReason', () => {
  it.each(['', 'done', 'x'.repeat(123), 'ä'.repeat(61), '線'.repeat(41), '😀'.repeat(30)])(
    'leaves a reason of at most 123 bytes alone: %s',
    (reason) => {
      expect(cutReason(reason)).toBe(reason)
    },
  )

  it.each([
    ['ASCII', 'x'.repeat(200), 'x'.repeat(123)],
    ['two bytes a character', 'ä'.repeat(100), 'ä'.repeat(61)],
    ['Chinese', '線'.repeat(50), '線'.repeat(41)],
    ['Chinese behind one byte', `x${'線'.repeat(50)}`, `x${'線'.repeat(40)}`],
    ['emoji', '😀'.repeat(50), '😀'.repeat(30)],
    ['an emoji on the border', `${'x'.repeat(120)}😀`, 'x'.repeat(120)],
    ['an emoji that just fits', `${'x'.repeat(119)}😀y`, `${'x'.repeat(119)}😀`],
  ])('cuts on the border of a code point: %s', (_name, reason, cut) => {
    expect(cutReason(reason)).toBe(cut)
  })

  it('gives at most 123 bytes, the longest beginning that fits, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 150 }), (reason) => {
        const cut = cutReason(reason)
        expect(bytes(cut)).toBeLessThanOrEqual(123)
        expect(reason.startsWith(cut)).toBe(true)
        const next = [...reason.slice(cut.length)][0] ?? ''
        if (next) expect(bytes(cut + next)).toBeGreaterThan(123)
      }),
      { numRuns: 2_000 },
    )
  })

  it('takes lone surrogates', () => {
    expect(bytes(cutReason('\ud800'.repeat(100)))).toBeLessThanOrEqual(123)
  })
})

it('every code is one that an end may send, or the one that is never sent', () => {
  for (const code of Object.values(closeCode)) {
    expect((code >= 1000 && code <= 1013) || (code >= 4000 && code <= 4299)).toBe(true)
  }
  expect(new Set(Object.values(closeCode)).size).toBe(Object.keys(closeCode).length)
})

it('the subprotocol is trunkline.v1', () => {
  expect(subprotocol).toBe('trunkline.v1')
})
