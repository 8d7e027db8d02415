import * as fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { toJson } from '../../packages/trunkline/src/protocol/json.ts'

const words = 'what people write to each other, most of it without a line break. '
const long = words.repeat(40)

describe('toJson', () => {
  it.each([
    ['a quote', `${long}"${long}`],
    ['a backslash', `${long}\\${long}`],
    ['a line break at the end', `${long}\n`],
    ['a control character at the start', `\u0000${long}`],
    ['the last control character', `\u001f${long}`],
    ['delete, which is none to JSON', `\u007f${long}`],
    ['a pair', `${long}😀${long}`],
    ['the first half of a pair', `${long}\ud83d`],
    ['the second half of a pair', `\ude00${long}`],
    ['characters around the halves', `\ud7ff\ue000\uffff${long}`],
    ['line separators', `\u2028\u2029${long}`],
    ['two bytes a character', 'é€ü'.repeat(1000)],
    ['no more than the shortest long text', 'x'.repeat(512)],
    ['one less', 'x'.repeat(511)],
  ])('is JSON.stringify of a long text with %s', (_what, text) => {
    expect(toJson(text)).toBe(JSON.stringify(text))
    expect(toJson({ text })).toBe(JSON.stringify({ text }))
  })

  it.each([
    ['null', null],
    ['an empty object', {}],
    ['long text in a list', [long, long]],
    ['members around it', { id: 1, text: long, isNew: true, to: null, at: [1, { x: 2 }] }],
    ['long text in a member, beside a longer one', { text: long + long, quoted: { text: long, from: 'Ann' } }],
    ['an undefined member first, and last', { from: undefined, text: long, to: undefined }],
    ['nothing but undefined beside it', { a: undefined, text: long }],
    ['names that have to be escaped', { 'a "b"\n': 1, text: long }],
    ['numbers as names, in their order', { b: long, 2: 'two', 1: 'one' }],
    [
      'many short members',
      { ...Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`k${at}`, at])), text: long },
    ],
    ['a member named __proto__', JSON.parse(`{"__proto__":1,"text":"${long}"}`)],
    ['no prototype', Object.assign(Object.create(null), { text: long, n: 1 })],
  ])('is JSON.stringify of %s', (_what, value) => {
    expect(toJson(value)).toBe(JSON.stringify(value))
  })

  it('asks JSON.stringify for names and short members alone, where long text needs no escaping', () => {
    const stringify = vi.spyOn(JSON, 'stringify')
    try {
      toJson(long)
      toJson({ id: 1, text: long })
      expect(stringify.mock.calls.flat()).toEqual([1, 'id', 'text'])
    } finally {
      stringify.mockRestore()
    }
  })

  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'binary' }).map((text) => long + text),
    fc.string().map((text) => text + long),
  )

  it('is JSON.stringify of whatever is plain', () => {
    const values = fc.letrec((tie) => ({
      value: fc.oneof({ maxDepth: 3 }, texts, fc.jsonValue(), tie('list'), tie('object')),
      list: fc.array(tie('value'), { maxLength: 3 }),
      object: fc.dictionary(fc.string({ unit: 'binary' }), fc.option(tie('value'), { nil: undefined }), { maxKeys: 5 }),
    })).value
    fc.assert(
      fc.property(values, (value) => {
        expect(toJson(value)).toBe(JSON.stringify(value))
      }),
      { numRuns: 5_000 },
    )
  })
})
