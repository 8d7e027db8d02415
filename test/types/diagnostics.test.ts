import { beforeAll, describe, expect, it } from 'vitest'
import { type Compiled, compile } from './program.ts'

// What a user reads when something does not compile: the name of what is wrong has to be in it.

const head = `
import { mutation, query, router, subscription, upload } from 'trunkline'
import { createClient } from 'trunkline/client'
import { createServer, implement } from 'trunkline/server'
import { z } from 'zod'
const contract = router({
  whoami: query({ output: z.string() }),
  rooms: {
    list: query({ output: z.array(z.string()) }),
    publishMessage: mutation({ input: z.object({ text: z.string() }), output: z.object({ id: z.string() }), errors: { MUTED: z.object({ until: z.date() }) } }),
    messages: subscription({ output: z.string() }),
  },
})
const whoami = () => 'ada'
const list = () => []
const publishMessage = () => ({ id: '1' })
const messages = async function* () {}
const app = implement(contract)
const { api } = createClient<typeof contract>({ url: 'ws://localhost' })
`

/** `names` stand in the message, `mark` is what is underlined. */
const cases: Record<string, { text: string; names: string[]; mark?: string }> = {
  'nothing is wrong': { text: 'app.handlers({ whoami, rooms: { list, publishMessage, messages } })', names: [] },
  'a handler is missing': { text: 'app.handlers({ rooms: { list, publishMessage, messages } })', names: ['whoami'] },
  'a handler is missing in a record': {
    text: 'app.handlers({ whoami, rooms: { list, messages } })',
    names: ['publishMessage'],
  },
  'two handlers are missing': {
    text: 'app.handlers({ whoami, rooms: { messages } })',
    names: ['list', 'publishMessage'],
  },
  'a record is missing': { text: 'app.handlers({ whoami })', names: ['rooms'] },
  'a handler is superfluous': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage, messages, deleteMessage: () => {} } })',
    names: ['deleteMessage'],
    mark: 'deleteMessage',
  },
  'a handler is misspelt': {
    text: 'app.handlers({ whoami, rooms: { lits: list, publishMessage, messages } })',
    names: ['lits'],
    mark: 'lits',
  },
  'an output lacks a key': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage: () => ({}), messages } })',
    names: ['id'],
  },
  'an output is of another type': {
    text: 'app.handlers({ whoami: () => 1, rooms: { list, publishMessage, messages } })',
    names: ['number', 'string'],
    mark: '1',
  },
  'an asynchronous output is of another type': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage: async () => ({ id: 1 }), messages } })',
    names: ['id', 'number', 'string'],
    mark: '({ id: 1 })',
  },
  'an item is of another type': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage, messages: async function* () { yield 1 } } })',
    names: ['number', 'string'],
    mark: 'messages',
  },
  'a subscription gives no source': {
    text: "app.handlers({ whoami, rooms: { list, publishMessage, messages: async () => ['a'] } })",
    names: ['asyncIterator', 'AsyncIterable'],
    mark: "['a']",
  },
  'a handler is no function': {
    text: "app.handlers({ whoami: 'ada', rooms: { list, publishMessage, messages } })",
    names: ['argument', 'string'],
    mark: 'whoami',
  },
  'the context has no such key': {
    text: 'app.context<{ user: string }>().handlers({ whoami: ({ context }) => context.usr, rooms: { list, publishMessage, messages } })',
    names: ['usr', 'user'],
    mark: 'usr',
  },
  'there is no context': {
    text: 'app.handlers({ whoami: ({ context }) => context.user, rooms: { list, publishMessage, messages } })',
    names: ['user', 'NoContext'],
    mark: 'user',
  },
  'error data is of another type': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage: ({ errors }) => { throw errors.MUTED({ until: 5 }) }, messages } })',
    names: ['number', 'Date'],
    mark: 'until',
  },
  'an error is not declared': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage: ({ errors }) => { throw errors.BANNED() }, messages } })',
    names: ['BANNED', 'MUTED'],
    mark: 'BANNED',
  },
  'a middleware returns nothing': {
    text: 'app.use(async ({ next }) => { await next() })',
    names: ['void', 'Passed'],
    mark: 'async ({ next }) => { await next() }',
  },
  'a middleware wants another context': {
    text: 'app.context<{ user: string }>().use(async ({ next, context }) => { context.role; return next() })',
    names: ['role', 'user'],
    mark: 'role',
  },
  'a path is misspelt': { text: "api.rooms.publishMesage({ text: '' })", names: ['publishMesage', 'publishMessage'] },
  'an input lacks a key': { text: 'api.rooms.publishMessage({})', names: ['text'] },
  'authenticate is missing': {
    text: 'createServer(app.context<{ user: string }>().handlers({ whoami, rooms: { list, publishMessage, messages } }), {})',
    names: ['authenticate'],
  },
}

const pushing = `
const files = router({ put: upload({ send: z.object({ at: z.number() }), output: z.string() }), list: query({ output: z.array(z.string()) }) })
const pushed = createClient<typeof files>({ url: 'ws://localhost' }).api
const handlers = implement(files)
`

Object.assign(cases, {
  'an item that is sent lacks a key': { text: `${pushing}pushed.put().send({})`, names: ['at'] },
  'an iterable of what is sent gives another type': {
    text: `${pushing}pushed.put(undefined, { send: [{ at: 'one' }] })`,
    names: ['Iterable', 'at', 'string', 'number'],
    mark: 'send',
  },
  'the schema of what is sent is missing': { text: 'upload({ output: z.string() })', names: ['send', 'missing'] },
  'a query is sent something': { text: `${pushing}pushed.list().send({ at: 1 })`, names: ['send'], mark: 'send' },
  "a query's handler reads items": {
    text: `${pushing}handlers.handlers({ put: async () => '', list: ({ items }) => [] })`,
    names: ['items'],
    mark: 'items',
  },
} satisfies typeof cases)

describe('a compile error says what is wrong', () => {
  const names = Object.keys(cases)
  const fileOf = (name: string): string => `case-${names.indexOf(name)}.ts`
  let compiled: Compiled

  beforeAll(() => {
    // One program for all: the libraries' types are read once.
    const files = Object.entries(cases).map(([name, { text }]) => [fileOf(name), `${head}${text}\nexport {}`])
    compiled = compile(Object.fromEntries(files))
  })

  it.each(Object.entries(cases))('%s', (name, { names: expected, mark }) => {
    const message = compiled.messagesOf(fileOf(name)).join('\n')
    if (expected.length === 0) expect(message).toBe('')
    if (mark !== undefined) expect(compiled.marksOf(fileOf(name))).toEqual([mark])
    for (const one of expected) expect(message).toMatch(new RegExp(`\\b${one}\\b`))
  })
})
