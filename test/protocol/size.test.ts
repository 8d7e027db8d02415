import { describe, expect, it } from 'vitest'
import { exceedsBytes } from '../../packages/trunkline/src/protocol/size.ts'

describe('exceedsBytes', () => {
  const lengthOf = (text: string): number => new TextEncoder().encode(text).length

  it.each([
    ['nothing', ''],
    ['ASCII', 'x'.repeat(20_000)],
    ['two bytes a character', 'é'.repeat(20_000)],
    ['three bytes a character', '€'.repeat(20_000)],
    ['pairs', '😀'.repeat(20_000)],
    ['pairs that begin at every place', `x${'😀'.repeat(9_000)}xx${'😀'.repeat(9_000)}`],
    ['halves of pairs, which become U+FFFD', '\ud83d'.repeat(20_000)],
    ['a mixture', 'xé€😀\ud83d'.repeat(5_000)],
  ])('is exact at the limit: %s', (_what, text) => {
    const length = lengthOf(text)
    expect(exceedsBytes(text, length)).toBe(false)
    expect(exceedsBytes(text, length + 1)).toBe(false)
    if (length > 0) expect(exceedsBytes(text, length - 1)).toBe(true)
    expect(exceedsBytes(text, length * 4)).toBe(false)
    if (length > 1) expect(exceedsBytes(text, Math.floor(length / 4))).toBe(true)
  })
})
