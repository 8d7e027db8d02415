import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import * as mini from 'zod/mini'
import { compileSchema, SchemaFailure } from '../../packages/trunkline/src/contract/validator.ts'
import { inspectZod, isZod, type ZodSchema } from '../../packages/trunkline/src/contract/zod-lane.ts'

interface Tree {
  name: string
  children: Tree[]
}
const Tree: z.ZodType<Tree> = z.object({
  name: z.string(),
  get children() {
    return z.array(Tree)
  },
})
interface Dated {
  at: Date
  next?: Dated | undefined
}
const Dated: z.ZodType<Dated> = z.object({
  at: z.date(),
  get next() {
    return Dated.optional()
  },
})
const Refined: z.ZodType = z.object({
  get next() {
    return Refined.optional()
  },
  name: z.string().refine((name) => name !== ''),
})

type Row = [name: string, schema: z.ZodType, samples: unknown[]]

const plain: Row[] = [
  ['string', z.string(), ['x', 1, null]],
  ['string with checks', z.string().min(1).max(3).regex(/^a/).startsWith('a'), ['abc', '', 'bcd', 'abcd']],
  ['trim', z.string().trim().toLowerCase(), [' Ab ', 1]],
  ['email', z.email(), ['a@b.ch', 'no']],
  ['url', z.url(), ['https://a.ch', 'no']],
  ['uuid', z.uuid(), ['c3a5a9b5-8a6b-4f7e-9d7b-6a1f2f0c8a11', 'no']],
  ['iso.datetime', z.iso.datetime(), ['2024-01-01T00:00:00Z', 'no']],
  ['number', z.number(), [1, Number.NaN, Number.POSITIVE_INFINITY, '1']],
  ['number with checks', z.number().int().positive().multipleOf(2), [2, 3, -2, 2.5]],
  ['int', z.int(), [1, 1.5]],
  ['boolean', z.boolean(), [true, 'true']],
  ['null', z.null(), [null, undefined]],
  ['enum', z.enum(['a', 'b']), ['a', 'c']],
  ['literal', z.literal(['a', 1, true, null]), ['a', 1, null, 'b']],
  ['template literal', z.templateLiteral(['a', z.number()]), ['a1', 'b1']],
  ['coerced number', z.coerce.number(), ['1', 'x', null, { toString: 1, valueOf: 1 }]],
  ['coerced string', z.coerce.string(), [1, null, { toString: 1, valueOf: 1 }]],
  ['array', z.array(z.string()).min(1), [['a'], [], [1], 'a']],
  ['tuple', z.tuple([z.string(), z.number()]), [['a', 1], ['a']]],
  ['tuple with rest', z.tuple([z.string()], z.number()), [['a', 1, 2], ['a', 'b'], []]],
  ['object', z.object({ a: z.string(), b: z.object({ c: z.number() }) }), [{ a: 'x', b: { c: 1, d: 2 }, e: 3 }, {}]],
  ['strict object', z.strictObject({ a: z.string() }), [{ a: 'x' }, { a: 'x', b: 1 }]],
  ['optional property', z.object({ a: z.string().optional() }), [{}, { a: undefined }, { a: 'x' }, { a: 1 }]],
  ['nullish property', z.object({ a: z.string().nullish() }), [{}, { a: null }, { a: 'x' }]],
  ['exact optional property', z.object({ a: z.exactOptional(z.string()) }), [{}, { a: 'x' }]],
  [
    'catchall',
    z.object({ a: z.string() }).catchall(z.number()),
    [
      { a: 'x', b: 1 },
      { a: 'x', b: 'y' },
    ],
  ],
  ['record', z.record(z.string(), z.number()), [{ a: 1 }, { a: 'x' }]],
  ['partial record', z.partialRecord(z.enum(['a', 'b']), z.number()), [{ a: 1 }, { c: 1 }]],
  ['union', z.union([z.string(), z.number()]), ['a', 1, true]],
  [
    'discriminated union',
    z.discriminatedUnion('k', [
      z.object({ k: z.literal('a'), n: z.number() }),
      z.object({ k: z.literal('b'), s: z.string() }),
    ]),
    [{ k: 'a', n: 1 }, { k: 'b', s: 'x' }, { k: 'c' }],
  ],
  ['intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() })), [{ a: 'x', b: 1 }, {}]],
  ['nullable', z.string().nullable(), [null, 'x', undefined]],
  ['readonly', z.array(z.string()).readonly(), [['a'], 'a']],
  ['brand', z.string().brand('Id'), ['x', 1]],
  ['described', z.string().describe('a name').meta({ title: 'Name' }), ['x', 1]],
  ['pipe', z.string().pipe(z.string().min(2)), ['ab', 'a']],
  ['lazy', z.lazy(() => z.string()), ['x', 1]],
  ['keyof', z.object({ a: z.string(), b: z.string() }).keyof(), ['a', 'c']],
  ['own error message', z.string({ error: () => 'a name, please' }), ['x', 1]],
  ['a pipe that ends plain', z.coerce.date().pipe(z.string() as never), [1]],
]

const synchronous: Row[] = [
  ['bigint', z.bigint().min(1n), [1n, 0n, 1]],
  ['int64', z.int64(), [1n, 2n ** 64n]],
  ['date', z.date().min(new Date(0)), [new Date(1), new Date(-1), new Date(Number.NaN), 1]],
  ['coerced date', z.coerce.date(), [0, 'x', { toString: 1, valueOf: 1 }]],
  ['NaN', z.nan(), [Number.NaN, 1]],
  ['undefined', z.undefined(), [undefined, null]],
  ['void', z.void(), [undefined, null]],
  ['any', z.any(), [new Date(0), 1, undefined]],
  ['unknown', z.unknown(), [1n, 'x']],
  ['literal with a bigint', z.literal([1n, 'a']), [1n, 'a', 1]],
  ['literal with undefined', z.literal([undefined, 'a']), [undefined, 'a', 1]],
  ['map', z.map(z.string(), z.number()).max(2), [new Map([['a', 1]]), new Map([['a', 'x']]), {}]],
  ['set', z.set(z.string()).min(1), [new Set(['a']), new Set(), []]],
  ['object that holds a date', z.object({ a: z.object({ at: z.date() }) }), [{ a: { at: new Date(0) } }, { a: {} }]],
  ['loose object', z.looseObject({ a: z.string() }), [{ a: 'x', b: new Date(0) }, {}]],
  ['catchall of dates', z.object({}).catchall(z.date()), [{ a: new Date(0) }, { a: 1 }]],
  ['record of dates', z.record(z.string(), z.date()), [{ a: new Date(0) }, { a: 1 }]],
  [
    'tuple with a rest of dates',
    z.tuple([z.string()], z.date()),
    [
      ['a', new Date(0)],
      ['a', 1],
    ],
  ],
  ['union with a date', z.union([z.string(), z.date()]), ['a', new Date(0), 1]],
  ['optional at the top', z.string().optional(), [undefined, 'x', 1]],
  ['optional in an array', z.array(z.string().optional()), [[undefined, 'x'], [1]]],
  ['optional values of a record', z.record(z.string(), z.string().optional()), [{ a: undefined, b: 'x' }]],
  ['default', z.string().default('x'), [undefined, 'y', 1]],
  ['default from a function', z.object({ a: z.date().default(() => new Date(7)) }), [{}, { a: new Date(0) }]],
  ['prefault', z.string().prefault('x'), [undefined, 'y']],
  ['catch', z.string().catch('x'), [1, 'y']],
  ['nonoptional', z.nonoptional(z.string().optional()), ['x', undefined]],
  // A schema inside itself is in doubt while it is looked at, and doubt is not plain.
  ['json', z.json(), [{ a: [1, 'x', null, { b: true }] }, () => {}]],
  [
    'recursive',
    Tree,
    [
      { name: 'a', children: [{ name: 'b', children: [] }] },
      { name: 'a', children: [{}] },
    ],
  ],
  [
    'recursive with a date',
    Dated,
    [
      { at: new Date(0), next: { at: new Date(1) } },
      { at: new Date(0), next: {} },
    ],
  ],
  ['file', z.file(), [1]],
]

const asynchronous: Row[] = [
  ['refine', z.string().refine((text) => text.length > 1), ['ab', 'a', 1]],
  ['async refine', z.string().refine(async (text) => text.length > 1), ['ab', 'a', 1]],
  ['superRefine', z.string().superRefine((_text, context) => context.addIssue('no')), ['x']],
  [
    'check',
    z.string().check((payload) => {
      if (payload.value === 'x') payload.issues.push({ code: 'custom', message: 'no', input: payload.value })
    }),
    ['x', 'y'],
  ],
  ['property check', z.object({ a: z.string() }).check(z.property('a', z.string().min(2))), [{ a: 'ab' }, { a: 'a' }]],
  ['transform', z.string().transform((text) => text.length), ['abc', 1]],
  ['async transform', z.string().transform(async (text) => text.length), ['abc', 1]],
  ['custom', z.custom<string>((value) => value === 'x'), ['x', 'y']],
  ['instanceof', z.instanceof(Date), [new Date(0), 1]],
  ['promise', z.promise(z.string()), [Promise.resolve('x')]],
  ['codec', z.codec(z.string(), z.number(), { decode: Number, encode: String }), ['12', 12]],
  ['stringbool', z.stringbool(), ['true', 'x']],
  ['stringFormat', z.stringFormat('even', (text) => text.length % 2 === 0), ['ab', 'a']],
  ['a refine deep inside', z.object({ a: z.array(z.union([z.number(), Refined])) }), [{ a: [1] }, { a: ['x'] }]],
  [
    'a refine inside a map',
    z.map(
      z.string(),
      z.string().refine(() => false),
    ),
    [new Map([['a', 'b']])],
  ],
  [
    'a refine inside an optional property',
    z.object({
      a: z
        .string()
        .refine(() => false)
        .optional(),
    }),
    [{ a: 'x' }, {}],
  ],
  [
    'a refine on an optional property',
    z.object({
      a: z
        .string()
        .optional()
        .refine(() => false),
    }),
    [{ a: 'x' }, {}],
  ],
  ['a refine on an object', z.object({ a: z.string() }).refine(({ a }) => a !== ''), [{ a: '' }, { a: 'x' }]],
  [
    'a refine in a default',
    z
      .string()
      .refine(() => false)
      .default('x'),
    [undefined, 'y'],
  ],
  ['a refine behind a lazy', z.lazy(() => z.string().refine(() => false)), ['x']],
  ['a refine in a catchall', z.object({}).catchall(z.string().refine(() => false)), [{ a: 'x' }, {}]],
  [
    'a refine in a rest',
    z.tuple(
      [z.number()],
      z.string().refine(() => false),
    ),
    [[1, 'x'], [1]],
  ],
  [
    'a refine in a key',
    z.record(
      z.string().refine((key) => key !== 'b'),
      z.string(),
    ),
    [{ a: 'x' }, { b: 'x' }],
  ],
  [
    'a refine in an intersection',
    z.intersection(
      z.object({}),
      z.object({}).refine(() => false),
    ),
    [{}],
  ],
]

const lane = (schema: unknown) => inspectZod(schema as ZodSchema)

describe('the lane', () => {
  it.each(plain)('%s runs synchronously and gives plain data', (_name, schema) => {
    expect(lane(schema)).toEqual({ sync: true, plain: true })
  })

  it.each(synchronous)('%s runs synchronously and may give rich data', (_name, schema) => {
    expect(lane(schema)).toEqual({ sync: true, plain: false })
  })

  it.each(asynchronous)('%s runs asynchronously', (_name, schema) => {
    expect(lane(schema).sync).toBe(false)
  })

  it('a preprocess runs asynchronously', () => {
    expect(lane(z.preprocess(String, z.string())).sync).toBe(false)
  })

  it('a schema that is known twice keeps its lane', () => {
    const name = z.string()
    expect(lane(z.object({ a: name, b: name }))).toEqual({ sync: true, plain: true })
    const at = z.date()
    expect(lane(z.object({ a: at, b: at }))).toEqual({ sync: true, plain: false })
  })

  it('a type that a later zod adds is in doubt, so it is slow and right', () => {
    const unheard = { _zod: { def: { type: 'hologram' } } }
    expect(lane(unheard)).toEqual({ sync: false, plain: false })
    expect(lane({ _zod: { def: { type: 'constructor' } } })).toEqual({ sync: false, plain: false })
  })

  it('a check that a later zod adds is in doubt', () => {
    const def = { type: 'string', checks: [{ _zod: { def: { check: 'horoscope' } } }] }
    expect(lane({ _zod: { def } }).sync).toBe(false)
  })

  it('zod/mini schemas have the same lanes', () => {
    expect(isZod(mini.object({ a: mini.string() }))).toBe(true)
    expect(lane(mini.object({ a: mini.optional(mini.string()) }))).toEqual({ sync: true, plain: true })
    expect(lane(mini.object({ a: mini.string().check(mini.refine(() => true)) })).sync).toBe(false)
  })
})

describe('plain means that JSON carries it whole', () => {
  it('a loose record is not plain', () => {
    expect(lane(z.looseRecord(z.string().regex(/^a/), z.string())).plain).toBe(false)
  })

  it('an overwritten number is not plain', () => {
    expect(lane(z.number().overwrite((number) => 1 / number)).plain).toBe(false)
  })

  it('an overwritten object is not plain', () => {
    expect(
      lane(
        z
          .object({ a: z.unknown().optional() })
          .partial()
          .overwrite((value) => value),
      ).plain,
    ).toBe(false)
    expect(lane(z.array(z.number()).overwrite((numbers) => numbers.map((number) => 1 / number))).plain).toBe(false)
  })

  it('a schema met in the middle of a recursion is not taken for plain', () => {
    interface Node {
      at: Date
      other?: { node?: Node | undefined } | undefined
    }
    const Node: z.ZodType<Node> = z.object({
      get other() {
        return Other.optional()
      },
      at: z.date(),
    })
    const Other = z.object({
      get node() {
        return Node.optional()
      },
    })
    const whole = z.object({ piped: z.pipe(Node as never, z.any().pipe(Other) as never) })
    expect(lane(whole).plain).toBe(false)
  })

  it('what a plain lane gives comes back from JSON as it was', () => {
    const everything = z.object({
      text: z.string(),
      number: z.number(),
      flag: z.boolean().nullable(),
      list: z.array(z.union([z.string(), z.number(), z.null()])),
      record: z.record(z.string(), z.number()),
      maybe: z.string().optional(),
    })
    const { check, plain } = compileSchema(everything)
    expect(plain).toBe(true)
    const value = fc.record(
      {
        text: fc.string(),
        number: fc.double({ noDefaultInfinity: true, noNaN: true }).map((number) => number + 0),
        flag: fc.option(fc.boolean()),
        list: fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null))),
        record: fc.dictionary(
          fc.string().filter((key) => key !== '__proto__'),
          fc.integer(),
        ),
        maybe: fc.string(),
      },
      { requiredKeys: ['text', 'number', 'flag', 'list', 'record'] },
    )
    fc.assert(
      fc.property(value, (given) => {
        const checked = check(given)
        expect(JSON.parse(JSON.stringify(checked))).toEqual(checked)
      }),
    )
  })
})

describe('a lazy that makes a fresh schema each time', () => {
  /** Ends the walk when it goes on for ever, which a test could not. */
  function limited(make: (again: () => z.ZodType) => z.ZodType): z.ZodType {
    let made = 0
    const again = (): z.ZodType => {
      if (++made > 5_000) throw new Error('it goes on')
      return make(again)
    }
    return again()
  }

  it('is slow and right', () => {
    const schema = limited((again) => z.object({ children: z.array(z.lazy(again)) }))
    expect(lane(schema)).toEqual({ sync: false, plain: false })
  })

  it('is slow and right where it branches', () => {
    const schema = limited((again) => z.object({ left: z.lazy(again), right: z.lazy(again) }))
    expect(lane(schema)).toEqual({ sync: false, plain: false })
  })
})

describe('both lanes give what zod gives', () => {
  it.each([...plain, ...synchronous, ...asynchronous])('%s', async (_name, schema, samples) => {
    const validator = compileSchema(schema)
    for (const sample of samples) await agree(schema, validator.check, sample)
  })

  const arbitrary = fc.anything({ withDate: true, withBigInt: true, withMap: true, withSet: true, maxDepth: 2 })

  it.each([...plain, ...synchronous])('%s, on anything', async (_name, schema, samples) => {
    const { check } = compileSchema(schema)
    const value = fc.oneof(arbitrary, fc.constantFrom(...samples))
    await fc.assert(
      fc.asyncProperty(value, (sample) => agree(schema, check, sample)),
      { numRuns: 60 },
    )
  })
})

/** The same value, or the same issues as zod's own. */
async function agree(schema: z.ZodType, check: (value: unknown) => unknown, sample: unknown): Promise<void> {
  const expected = await schema.safeParseAsync(sample)
  let given: unknown
  try {
    given = await check(sample)
  } catch (error) {
    expect(error).toBeInstanceOf(SchemaFailure)
    expect(expected.success).toBe(false)
    expect((error as SchemaFailure).issues.map(({ message }) => message)).toEqual(
      expected.error?.issues.map(({ message }) => message),
    )
    return
  }
  expect(expected.success).toBe(true)
  expect(given).toEqual(expected.data)
}
