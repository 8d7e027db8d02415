import { beforeAll, describe, expect, it } from 'vitest'
import { type Compiled, compile } from './program.ts'

// What a user reads when something does not compile: the name of what is wrong has to be in it.

const head = `
import { mutation, query, router, subscription } from 'trunkline'
import { createClient } from 'trunkline/client'
import { createServer, implement } from 'trunkline/server'
import { z } from 'zod'
const contract = router({
  whoami: query({ output: z.string() }),
  rooms: {
    list: query({ output: z.array(z.string()) }),
    publishMessage: mutation({ input: z.object({ text: z.string() }), output: z.object({ id: z.string() }) }),
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

const cases: Record<string, { text: string; names: string[] }> = {
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
  },
  'a handler is misspelt': {
    text: 'app.handlers({ whoami, rooms: { lits: list, publishMessage, messages } })',
    names: ['lits'],
  },
  'an output lacks a key': {
    text: 'app.handlers({ whoami, rooms: { list, publishMessage: () => ({}), messages } })',
    names: ['id'],
  },
  'a path is misspelt': { text: "api.rooms.publishMesage({ text: '' })", names: ['publishMesage', 'publishMessage'] },
  'an input lacks a key': { text: 'api.rooms.publishMessage({})', names: ['text'] },
  'authenticate is missing': {
    text: 'createServer(app.context<{ user: string }>().handlers({ whoami, rooms: { list, publishMessage, messages } }), {})',
    names: ['authenticate'],
  },
}

describe('a compile error says what is wrong', () => {
  const names = Object.keys(cases)
  const fileOf = (name: string): string => `case-${names.indexOf(name)}.ts`
  let compiled: Compiled

  beforeAll(() => {
    // One program for all: the libraries' types are read once.
    const files = Object.entries(cases).map(([name, { text }]) => [fileOf(name), `${head}${text}\nexport {}`])
    compiled = compile(Object.fromEntries(files))
  })

  it.each(Object.entries(cases))('%s', (name, { names: expected }) => {
    const message = compiled.messagesOf(fileOf(name)).join('\n')
    if (expected.length === 0) expect(message).toBe('')
    for (const one of expected) expect(message).toMatch(new RegExp(`\\b${one}\\b`))
  })
})
