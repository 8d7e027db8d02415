import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  FrameRefusal,
  parseFrame,
  type ReadMessage,
  readCounts,
  readFrame,
} from '../../packages/trunkline/src/protocol/decode.ts'
import { ACK } from '../../packages/trunkline/src/protocol/messages.ts'
import * as atClient from '../../packages/trunkline/src/protocol/read-at-client.ts'
import * as atServer from '../../packages/trunkline/src/protocol/read-at-server.ts'
import { type Calls, readCall } from '../../packages/trunkline/src/protocol/read-calls.ts'
import { type Replies, readReply } from '../../packages/trunkline/src/protocol/read-replies.ts'
import { isOfServer } from '../../packages/trunkline/src/protocol/serving.ts'

type Call = [method: string, ...args: unknown[]]

/** Takes every message and keeps what it was told. */
function receiver<Receiver>(): { calls: Call[]; target: Receiver } {
  const calls: Call[] = []
  const target = new Proxy(
    {},
    {
      get:
        (_target, method) =>
        (...args: unknown[]) => {
          calls.push([String(method), ...args])
        },
    },
  )
  return { calls, target: target as Receiver }
}

/** As a session does: even ids are those of the server's own calls. */
const readByParity: ReadMessage<Calls & Replies> = (type, message, target) =>
  isOfServer(message[1]) && type !== 11 ? readReply(type, message, target) : readCall(type, message, target)

const ends = {
  server: (text: string): { counted: boolean; calls: Call[] } => read(text, atServer.readControl, readByParity),
  client: (text: string): { counted: boolean; calls: Call[] } => read(text, atClient.readControl, readReply),
}

function read<Control, OfCalls>(
  text: string,
  control: ReadMessage<Control>,
  call: ReadMessage<OfCalls>,
): { counted: boolean; calls: Call[] } {
  const { calls, target } = receiver<Control & OfCalls>()
  const frame = parseFrame(text)
  if (frame.isControl) readFrame(frame, control, target)
  else readFrame(frame, call, target)
  return { counted: frame.isCounted, calls }
}

function refusal(end: 'server' | 'client', text: string): FrameRefusal {
  try {
    ends[end](text)
  } catch (error) {
    if (error instanceof FrameRefusal) return error
    throw error
  }
  throw new Error(`taken: ${text}`)
}

const nest = (open: string, close: string, depth: number): string => open.repeat(depth) + close.repeat(depth)

describe('frames', () => {
  it.each([
    ['nothing', ''],
    ['half of JSON', '[2,1,'],
    ['text that is no JSON', 'hello'],
    ['two messages without a batch', '[12,0,0][12,0,0]'],
    ['NaN', '[12,NaN,0]'],
    ['a record', '{"0":12}'],
    ['text', '"[12,0,0]"'],
    ['a number', '12'],
    ['null', 'null'],
    ['true', 'true'],
    ['an empty array', '[]'],
    ['a batch with an empty message', '[[]]'],
    ['a batch with a number in it', '[[10,1],10]'],
    ['a batch with null in it', '[[10,1],null]'],
    ['a batch with a record in it', '[[10,1],{"0":10}]'],
    ['a batch of a batch', '[[[10,1]]]'],
    ['a type that is text', '["10",1]'],
    ['a type that is null', '[null,1]'],
    ['a type that is true', '[true]'],
    ['a type that is a record', '[{},1]'],
    ['a type that is no integer', '[2.5,1]'],
    ['a negative type', '[-1]'],
    ['an unknown type', '[17]'],
    ['a huge type', '[1e300]'],
  ])('%s is refused at both ends with 4000', (_name, text) => {
    expect(refusal('server', text).code).toBe(4000)
    expect(refusal('client', text).code).toBe(4000)
  })

  it.each<['server' | 'client', string, boolean]>([
    ['server', '[11,4,2]', false],
    ['client', '[11,4,2]', false],
    ['server', '[[9,1,2,3],[11,4,2]]', false],
    ['server', '[[11,4,2],[2,1,"a"]]', true],
    ['client', '[[3,1],[11,4,2],[6,4]]', true],
  ])(
    'at the %s, the ack of %s is at hand before its messages are read, and counted with its frame: %s',
    (end, text, counted) => {
      const { ack, isControl, isCounted } = parseFrame(text)
      expect({ isControl, isCounted, counts: ack && readCounts(ACK, ack) }).toEqual({
        isControl: false,
        isCounted: counted,
        counts: [4, 2],
      })
      expect(ends[end](text).calls.map(([method]) => method)).not.toContain('ack')
    },
  )

  it.each(['[11]', '[11,0]', '[11,-1,0]', '[11,0,1.5]', '[11,{},0]', '[11,null,0]', '[11,0,"1"]'])(
    'an ack without two counts is refused: %s',
    (text) => {
      const { ack } = parseFrame(text)
      expect(() => readCounts(ACK, ack as readonly unknown[])).toThrow('ack: not a count')
    },
  )

  it.each<['server' | 'client', string]>([
    ['server', '[[2,1,"a"],[12,0,0]]'],
    ['server', '[[12,0,0],[2,1,"a"]]'],
    ['server', '[[0,{"session":"s","attempt":1}],[2,1,"a"]]'],
    ['server', '[[13,0,0],[9,1,2,3]]'],
    ['client', '[[3,1],[13,0,0]]'],
    ['client', '[[1,{"connection":"c","session":"new"}],[3,1]]'],
    ['client', '[[14,{}],[6,1]]'],
  ])('control and call messages in one frame are refused at the %s: %s', (end, text) => {
    expect(refusal(end, text)).toMatchObject({ code: 4000, message: 'control and call messages in one frame' })
  })

  it.each<['server' | 'client', number, string]>([
    ['server', 1, 'welcome'],
    ['server', 3, 'result'],
    ['server', 4, 'error'],
    ['server', 5, 'accept'],
    ['server', 7, 'gap'],
    ['server', 14, 'goaway'],
    ['client', 0, 'hello'],
    ['client', 2, 'open'],
    ['client', 10, 'cancel'],
  ])('the %s refuses message %i, and names it: %s', (end, type, name) => {
    const { code, message } = refusal(end, `[${type},1,1,1]`)
    expect(code).toBe(4000)
    expect(message).toContain(name)
  })

  it('messages before the one that is refused were given, those behind it not', () => {
    const { calls, target } = receiver<Calls>()
    expect(() => readFrame(parseFrame('[[10,1],[10,0],[10,3]]'), readCall, target)).toThrow(FrameRefusal)
    expect(calls).toEqual([['cancel', 1]])
  })

  it('messages of a batch are given in order', () => {
    expect(ends.client('[[3,1],[6,9,"x"],[3,3],[8,5]]').calls.map(([method]) => method)).toEqual([
      'result',
      'item',
      'result',
      'end',
    ])
  })

  it('a batch of one message is a batch', () => {
    expect(ends.server('[[10,1]]').calls).toEqual([['cancel', 1]])
  })

  it('what a receiver throws goes through as it is', () => {
    const thrown = new Error('mine')
    const target = {
      cancel() {
        throw thrown
      },
    } as unknown as Calls
    expect(() => readFrame(parseFrame('[10,1]'), readCall, target)).toThrow(thrown)
  })

  it.each<['server' | 'client', string, boolean]>([
    ['server', '[2,1,"a"]', true],
    ['server', '[10,1]', true],
    ['server', '[9,1,2,3]', false],
    ['server', '[[9,1,2,3],[9,3,2,3]]', false],
    ['server', '[[9,1,2,3],[10,3]]', true],
    ['server', '[12,0,0]', false],
    ['server', '[13,0,0]', false],
    ['server', '[0,{"session":"s","attempt":1}]', false],
    ['client', '[3,1]', true],
    ['client', '[4,1,"X",""]', true],
    ['client', '[5,1,1]', true],
    ['client', '[6,1]', true],
    ['client', '[7,1,{"reason":"dropped"}]', true],
    ['client', '[8,1]', true],
    ['client', '[9,1,2,3]', false],
    ['client', '[[9,1,2,3],[3,1]]', true],
    ['client', '[12,0,0]', false],
    ['client', '[1,{"connection":"c","session":"new"}]', false],
    ['client', '[14,{}]', false],
  ])('at the %s, %s is counted: %s', (end, text, counted) => {
    expect(ends[end](text).counted).toBe(counted)
  })
})

const hello = (fields: object): string => JSON.stringify([0, { session: 's', attempt: 1, ...fields }])
const open = (options: unknown): string => JSON.stringify([2, 1, 'a', null, options])
const welcome = (fields: object): string => JSON.stringify([1, { connection: 'c', session: 'new', ...fields }])

describe('what a client may send', () => {
  it('a hello gets its defaults', () => {
    expect(ends.server('[0,{"session":"s","attempt":1}]').calls).toEqual([
      [
        'hello',
        {
          session: 's',
          attempt: 1,
          since: 1,
          received: 0,
          params: {},
          timeoutMs: 30_000,
          credit: [256, 262_144],
          features: [],
          limits: { messageBytes: 1_048_576, calls: 1_024, streams: 1_024, timeoutMs: 300_000 },
          settled: [],
        },
      ],
    ])
  })

  it('a hello keeps what it says, and nothing that is not known', () => {
    const fields = {
      session: 'A-z_9',
      attempt: 7,
      since: 5,
      received: 3,
      params: { token: 't' },
      timeoutMs: 5,
      credit: [1, 2],
      features: ['resume'],
      limits: { messageBytes: 1, calls: 2, streams: 3, timeoutMs: 4 },
      settled: [1, 7],
    }
    const sent = { ...fields, later: 1, contract: 'x', meta: {} }
    expect(ends.server(JSON.stringify([0, sent, 'more'])).calls).toEqual([['hello', fields]])
  })

  it('an open without more has the fields undefined', () => {
    expect(ends.server('[2,1,"a"]').calls).toEqual([['open', 1, 'a', undefined, {}, undefined]])
    expect(ends.server('[2,1,"a",null,null,null]').calls).toEqual([['open', 1, 'a', null, {}, null]])
  })

  it('an open keeps every option, and nothing that is not known', () => {
    const options = {
      timeoutMs: 1.5,
      meta: { a: 1 },
      key: 'k',
      repeat: true,
      lastEventId: 'e',
      credit: [1, 2],
    }
    expect(ends.server(open({ ...options, later: 1, constructor: 1 })).calls[0]?.[4]).toEqual(options)
  })

  it('an option that is only inherited in name stays absent', () => {
    const options = ends.server('[2,1,"a",null,{"__proto__":{"repeat":true,"key":"k"}}]').calls[0]?.[4]
    expect(options).toEqual({})
    expect((options as { repeat?: true }).repeat).toBeUndefined()
  })

  it.each(['__proto__', 'constructor', 'toString', '', 'x'.repeat(5_000)])('any text is a path: %j', (path) => {
    expect(ends.server(JSON.stringify([2, 1, path])).calls[0]?.[2]).toBe(path)
  })

  it('elements behind the known ones are ignored', () => {
    expect(ends.server('[10,1,"more",{}]').calls).toEqual([['cancel', 1]])
    expect(ends.server('[9,1,2,3,4]').calls).toEqual([['credit', 1, 2, 3]])
    expect(ends.server('[12,1,2,{}]').calls).toEqual([['ping', 1, 2]])
    expect(ends.server('[13,1,2,{}]').calls).toEqual([['pong', 1, 2]])
  })

  it('ids go to 2⁵³−1', () => {
    expect(ends.server('[10,9007199254740991]').calls).toEqual([['cancel', 9007199254740991]])
  })

  const wrongIds = ['', 'null', '0', '-1', '2', '1.5', '"1"', 'true', '[1]', '{}', '9007199254740993', '1e300', '1e999']
  const wrongCounts = ['null', '-1', '0.5', '"1"', 'true', '[1]', '{}', '9007199254740992', '1e999']

  it.each([
    ...wrongIds
      .flatMap((id) => [`[2,${id},"a"]`.replace(',,', ',null,'), `[9,${id || 'null'},1,1]`])
      .filter((text) => text !== '[9,2,1,1]'),
    ...wrongIds.map((id) => (id ? `[10,${id}]` : '[10]')),
    ...wrongCounts.flatMap((count) => [
      `[9,1,${count},1]`,
      `[9,1,1,${count}]`,
      `[12,${count},0]`,
      `[12,0,${count}]`,
      `[13,${count},0]`,
      `[13,0,${count}]`,
    ]),
    '[9,1]',
    '[9,1,1]',
    '[12]',
    '[12,0]',
    '[13]',
    '[2]',
    '[2,1]',
    '[2,1,null]',
    '[2,1,5]',
    '[2,1,["a"]]',
    '[2,1,{}]',
    ...['5', '"x"', 'true', '[]', '[{}]'].map((options) => `[2,1,"a",null,${options}]`),
    ...[null, 0, -1, '5', true, [], {}].map((timeoutMs) => open({ timeoutMs })),
    ...[null, 5, 'x', [], true].map((meta) => open({ meta })),
    ...[null, 5, [], {}, true, 'x'.repeat(129)].map((key) => open({ key })),
    ...[null, false, 1, 'true', {}].map((repeat) => open({ repeat })),
    ...[null, 5, [], {}, true, 'x'.repeat(513)].map((lastEventId) => open({ lastEventId })),
    ...[null, 5, 'x', {}, [], [1], [1, null], [-1, 1], [1.5, 1], ['1', 1]].map((credit) => open({ credit })),
    '[0]',
    '[0,null]',
    '[0,5]',
    '[0,[]]',
    '[0,"s"]',
    '[0,{}]',
    '[0,{"session":"s"}]',
    '[0,{"attempt":1}]',
    '[0,{"__proto__":{"session":"s","attempt":1}}]',
    ...[null, 5, '', 'a b', 'ä', 'a\n', 'x'.repeat(65), ['s'], {}].map((session) => hello({ session })),
    ...[null, 0, -1, 1.5, '1', true, 2 ** 53].map((attempt) => hello({ attempt })),
    ...[null, -1, 1.5, '1'].map((received) => hello({ received })),
    ...[null, 0, -1, 2, 1.5, '1'].map((since) => hello({ since })),
    ...[null, 5, {}, '1', [-1], [1.5], ['1'], [null], [1, [3]]].map((settled) => hello({ settled })),
    ...[null, 5, 'x', [], true].map((params) => hello({ params })),
    ...[null, 0, -1, '5', {}].map((timeoutMs) => hello({ timeoutMs })),
    ...[null, 5, [1], [1, -1], {}].map((credit) => hello({ credit })),
    ...[null, 5, 'resume', {}, [1], ['a', null]].map((features) => hello({ features })),
  ])('%s is refused with 4000, and the reason names the message', (text) => {
    const { code, message } = refusal('server', text)
    expect(code).toBe(4000)
    expect(message).toMatch(/^(hello|open|credit|cancel|ping|pong): /)
    expect(message.length).toBeLessThan(120)
  })

  it.each([hello({ timeoutMs: 0 }), '[0,{"session":"s","attempt":1,"timeoutMs":1e999}]'])(
    '%s is refused with 4000',
    (text) => {
      expect(refusal('server', text).code).toBe(4000)
    },
  )
})

describe('what a server may send', () => {
  it('a welcome gets its defaults', () => {
    expect(ends.client('[1,{"connection":"c","session":"new"}]').calls).toEqual([
      [
        'welcome',
        {
          connection: 'c',
          session: 'new',
          received: 0,
          server: '',
          features: [],
          keepAlive: { intervalMs: 25_000, timeoutMs: 10_000 },
          limits: { messageBytes: 1_048_576, calls: 1_024, streams: 1_024, timeoutMs: 300_000 },
          spreadMs: 0,
        },
      ],
    ])
  })

  it('a welcome keeps what it says, and nothing that is not known', () => {
    const fields = {
      connection: 'c',
      session: 'resumed',
      received: 4,
      server: 'epoch',
      features: ['resume'],
      keepAlive: { intervalMs: 1, timeoutMs: 2 },
      limits: { messageBytes: 1, calls: 2, streams: 3, timeoutMs: 4 },
      spreadMs: 5,
    }
    const sent = { ...fields, later: 1, limits: { ...fields.limits, later: 2 } }
    expect(ends.client(JSON.stringify([1, sent, 'more'])).calls).toEqual([['welcome', fields]])
  })

  it('each message gets its defaults', () => {
    expect(ends.client('[3,1]').calls).toEqual([['result', 1, undefined, undefined]])
    expect(ends.client('[4,1,"X","no"]').calls).toEqual([
      ['error', 1, 'X', 'no', { delivery: 'ran', stream: false }, undefined, undefined],
    ])
    expect(ends.client('[5,1,4]').calls).toEqual([['accept', 1, 4, undefined]])
    expect(ends.client('[6,4]').calls).toEqual([['item', 4, undefined, undefined, 0, undefined]])
    expect(ends.client('[6,4,1,null,null]').calls).toEqual([['item', 4, 1, undefined, 0, undefined]])
    expect(ends.client('[8,1]').calls).toEqual([['end', 1]])
    expect(ends.client('[14,{}]').calls).toEqual([['goaway', 0, '', undefined]])
    expect(ends.client('[7,4,{}]').calls).toEqual([['gap', 4, 'source', undefined]])
  })

  it('each message keeps what it says', () => {
    expect(ends.client('[3,1,{"a":0},[["date","a"]],"more"]').calls).toEqual([['result', 1, { a: 0 }, [['date', 'a']]]])
    const error = '[4,1,"X","no",{"delivery":"not-run","stream":true,"data":5,"later":1},[["bigint"]]]'
    expect(ends.client(error).calls).toEqual([
      ['error', 1, 'X', 'no', { delivery: 'not-run', stream: true }, 5, [['bigint']]],
    ])
    expect(ends.client('[4,1,"X","",{"delivery":"unknown"}]').calls[0]?.[4]).toEqual({
      delivery: 'unknown',
      stream: false,
    })
    expect(ends.client('[5,1,4,"p"]').calls).toEqual([['accept', 1, 4, 'p']])
    expect(ends.client('[6,4,5,"e",2000,[["bigint"]]]').calls).toEqual([['item', 4, 5, 'e', 2000, [['bigint']]]])
    expect(ends.client('[7,4,{"reason":"dropped"}]').calls).toEqual([['gap', 4, 'dropped', undefined]])
    expect(ends.client('[7,4,{"reason":"dropped","position":"e9"}]').calls).toEqual([['gap', 4, 'dropped', 'e9']])
    expect(ends.client('[14,{"drainMs":5,"reason":"r","spreadMs":7}]').calls).toEqual([['goaway', 5, 'r', 7]])
  })

  it('an id of the server, which is even, is an id', () => {
    expect(ends.client('[3,2]').calls).toEqual([['result', 2, undefined, undefined]])
  })

  const wrongIds = ['null', '0', '-1', '1.5', '"1"', 'true', '[1]', '{}', '9007199254740993', '1e300', '1e999']
  const wrongCounts = ['null', '-1', '0.5', '"1"', 'true', '[1]', '{}', '9007199254740992', '1e999']

  it.each([
    ...wrongIds.flatMap((id) => [
      `[3,${id}]`,
      `[4,${id},"X",""]`,
      `[5,${id},1]`,
      // 0: an upload, which has no stream.
      `[5,1,${id === '0' ? '-0.5' : id}]`,
      `[7,${id},{"reason":"source"}]`,
      `[8,${id}]`,
    ]),
    ...['null', '"1"', 'true', '[1]', '{}'].map((stream) => `[6,${stream}]`),
    ...wrongCounts.flatMap((count) => [`[12,${count},0]`, `[12,0,${count}]`, `[13,${count},0]`, `[13,0,${count}]`]),
    ...wrongCounts.filter((count) => count !== 'null').map((size) => `[6,1,0,null,${size}]`),
    '[3]',
    '[4]',
    '[4,1]',
    '[4,1,"X"]',
    '[4,1,5,""]',
    '[4,1,"X",5]',
    '[4,1,null,null]',
    '[5]',
    '[5,1]',
    '[5,1,1,5]',
    '[5,1,1,{}]',
    '[6]',
    '[6,1,0,5]',
    '[6,1,0,{}]',
    '[7]',
    '[8]',
    '[12]',
    '[12,0]',
    '[13]',
    '[1]',
    '[1,null]',
    '[1,5]',
    '[1,[]]',
    '[1,{}]',
    '[1,{"connection":"c"}]',
    '[1,{"session":"new"}]',
    '[1,{"__proto__":{"connection":"c","session":"new"}}]',
    ...[null, 5, {}, []].map((connection) => welcome({ connection })),
    ...[null, 'old', 5, {}].map((session) => welcome({ session })),
    ...[-1, 1.5, '1', {}].map((count) => welcome({ received: count })),
    ...[-1, 1.5, '1', {}].map((count) => welcome({ spreadMs: count })),
    ...[-1, 1.5, '1', {}].map((count) => welcome({ keepAlive: { intervalMs: count } })),
    ...[-1, 1.5, '1', {}].map((count) => welcome({ limits: { calls: count } })),
  ])('%s is refused with 4000, and the reason names the message', (text) => {
    const { code, message } = refusal('client', text)
    expect(code).toBe(4000)
    expect(message).toMatch(/^(welcome|result|error|accept|item|gap|end|ping|pong): /)
  })

  it.each([
    '[6,0]',
    '[6,-1]',
    '[6,1.5]',
    '[6,1e999]',
    '[7,1,5]',
    '[7,1,{"reason":5}]',
    '[4,1,"X","",5]',
    '[4,1,"X","",{"delivery":5}]',
    '[4,1,"X","",{"stream":1}]',
    '[14,5]',
    '[14,{"drainMs":-1}]',
    '[14,{"reason":5}]',
    welcome({ server: 5 }),
    welcome({ features: 5 }),
    welcome({ features: [5] }),
    welcome({ keepAlive: 5 }),
    welcome({ limits: 5 }),
  ])('%s is refused with 4000', (text) => {
    expect(refusal('client', text).code).toBe(4000)
  })
})

// ── Hostile ──────────────────────────────────────────────────────────────────

describe('nothing but a FrameRefusal comes out', () => {
  const harmless = fc.oneof(
    fc.constantFrom<unknown>(
      ...[null, true, 0, 1, 2, 3, -1, 0.5, 7, 2 ** 53, 2 ** 53 - 1, 1e300],
      ...['', 'a', 'rooms.post', '__proto__', 'constructor', 'toString', 'x'.repeat(600), '\u0000', '\ud800'],
      ...[[], [[]], {}, [1, 2], ['date'], [['date', '__proto__']], { reason: 'dropped' }, { drainMs: 1 }],
      ...[{ session: 's', attempt: 1 }, { connection: 'c', session: 'new' }, { credit: [1, 1] }, { delivery: 'ran' }],
    ),
    fc.jsonValue({ maxDepth: 2 }),
  )
  /** Objects that can't be made text, and nesting that a recursive walk can't survive. */
  const hostile = fc.constantFrom(
    '{"toString":1}',
    '{"toString":"x","valueOf":{}}',
    '{"reason":{"toString":1}}',
    '{"connection":"c","session":"new","server":{"toString":null}}',
    nest('[', ']', 10_000),
    `${nest('{"a":', '}', 10_000).replace('}', '1}')}`,
  )
  const type = fc.oneof({ arbitrary: fc.integer({ min: 0, max: 17 }), weight: 4 }, harmless)
  const message = fc.tuple(type, fc.array(harmless, { maxLength: 6 })).map(([first, rest]) => [first, ...rest])
  const frame = fc.oneof(message, fc.array(message, { maxLength: 4 }), harmless)

  const valid = fc.constantFrom(
    '[0,{"session":"abc","attempt":1,"params":{"token":"t"},"credit":[1,2],"features":["a"]}]',
    '[2,1,"rooms.post",{"text":"hi"},{"timeoutMs":5,"meta":{},"key":"k","lastEventId":"e","credit":[1,2]},[["date","text"]]]',
    '[[2,1,"a"],[9,1,2,3],[10,1]]',
    '[12,1,2]',
    '[1,{"connection":"c","session":"new","keepAlive":{"intervalMs":1},"limits":{"calls":1},"features":[]}]',
    '[[3,1,{"a":0},[["date","a"]]],[5,3,1,"p"],[6,1,0,"e",2000],[7,1,{"reason":"source"}],[8,3]]',
    '[4,1,"X","no",{"delivery":"ran","data":1,"stream":true},[["bigint"]]]',
    '[14,{"drainMs":5,"reason":"r"}]',
  )
  /** A valid frame with a piece cut out, doubled, or replaced. */
  const mutated = fc
    .tuple(
      valid,
      fc.nat(),
      fc.nat({ max: 12 }),
      fc.oneof(
        fc.string({ maxLength: 3 }),
        fc.constantFrom('', '[', ']', '{', '}', ',', '"', '-', '1e999', 'null', '__proto__'),
      ),
    )
    .map(([text, at, length, piece]) => {
      const start = at % text.length
      return text.slice(0, start) + piece + text.slice(start + length)
    })

  function survives(text: string): void {
    for (const end of ['server', 'client'] as const) {
      try {
        ends[end](text)
      } catch (error) {
        if (!(error instanceof FrameRefusal)) throw new Error(`${end}: ${text.slice(0, 200)}`, { cause: error })
        expect(error.code).toBe(4000)
      }
    }
  }

  it('of any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), survives), { numRuns: 5_000 })
  })

  it('of any messages and batches', () => {
    fc.assert(
      fc.property(frame, (value) => survives(JSON.stringify(value))),
      { numRuns: 20_000 },
    )
  })

  it('of valid frames that were damaged', () => {
    fc.assert(fc.property(mutated, survives), { numRuns: 10_000 })
  })

  it('of nesting of 10 000 where any value may stand', () => {
    const deep = nest('[', ']', 10_000)
    for (const text of [
      `[2,1,"a",${deep}]`,
      `[2,1,"a",0,{"meta":${deep}}]`,
      `[2,1,"a",0,${deep}]`,
      `[2,${deep},"a"]`,
      `[2,1,${deep}]`,
      `[2,1,"a",0,null,${deep}]`,
      `[0,${deep}]`,
      `[3,1,${deep},${deep}]`,
      `[6,1,${deep}]`,
      `[12,${deep},0]`,
    ])
      survives(text)
  })

  it.each([1, 2, 3])('of a type that is nested 10 000 deep (%i)', (variant) => {
    const deep = variant === 1 ? nest('{"a":', '}', 10_000).replace('}', '1}') : nest('[', ']', 10_000)
    survives(variant === 3 ? `[[${deep}]]` : `[${deep}]`)
  })

  it.each([
    '[7,1,{"reason":{"toString":1}}]',
    '[14,{"reason":{"toString":1}}]',
    '[14,{"reason":{"toString":"x","valueOf":1}}]',
    '[1,{"connection":"c","session":"new","server":{"toString":1}}]',
  ])('of %s', (text) => {
    survives(text)
  })

  it.each(['[7,1,{"reason":DEEP}]', '[14,{"reason":DEEP}]', '[1,{"connection":"c","session":"new","server":DEEP}]'])(
    'of %s, nested 10 000 deep',
    (text) => {
      survives(text.replace('DEEP', nest('[', ']', 10_000)))
    },
  )

  it('of messages made of hostile pieces', () => {
    const piece = fc.oneof(hostile, fc.constantFrom('1', '"a"', 'null', '{}'))
    const hostileMessage = fc
      .tuple(fc.oneof(fc.integer({ min: 0, max: 17 }).map(String), piece), fc.array(piece, { maxLength: 4 }))
      .map(([first, rest]) => `[${[first, ...rest].join(',')}]`)
    fc.assert(fc.property(hostileMessage, survives), { numRuns: 2_000 })
  })
})
