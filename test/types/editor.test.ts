import { describe, expect, it } from 'vitest'
import { openEditor } from './language-service.ts'

// What an editor does with a contract, its handlers and its calls: the user's own names and types, across both ends.

const files = {
  'editor-rooms.ts': `
import { mutation, query, router, subscription } from 'trunkline'
import { z } from 'zod'
export const Message = z.object({ room: z.string(), text: z.string(), at: z.date() })
export const rooms = router({
  list: query({ output: z.array(z.string()) }),
  post: mutation({
    input: z.object({ room: z.string(), text: z.string() }),
    output: Message,
    errors: { ROOM_CLOSED: z.object({ since: z.date() }) },
  }),
  messages: subscription({ input: z.object({ room: z.string() }), output: Message }),
})
`,
  'editor-contract.ts': `
import { query, router } from 'trunkline'
import { rooms } from './editor-rooms.ts'
export const chat = router({ ping: query(), rooms })
`,
  'editor-server.ts': `
import { createCaller, implement } from 'trunkline/server'
import { chat } from './editor-contract.ts'
const list = () => ['lobby']
export const app = implement(chat).context<{ user: string }>().handlers({
  ping: () => {},
  rooms: {
    list,
    post: ({ input, errors }) => {
      if (input.room === 'old') throw errors.ROOM_CLOSED({ since: new Date() })
      return { ...input, at: new Date() }
    },
    messages: async function* ({ input }) {
      yield { room: input.room, text: '', at: new Date() }
    },
  },
})
await createCaller(app, { context: { user: 'ann' } }).rooms.post({ room: 'a', text: 'b' })
`,
  'editor-client.ts': `
import { createClient } from 'trunkline/client'
import type { chat } from './editor-contract.ts'
const { api } = createClient<typeof chat>({ url: 'ws://localhost' })
const made = await api.rooms.post({ room: 'a', text: 'b' })
for await (const message of api.rooms.messages({ room: 'a' })) console.log(message.text, made.at)
console.log(await api.ping(), await api.rooms.list())
`,
}
const client = 'editor-client.ts'
const server = 'editor-server.ts'
const contract = 'editor-rooms.ts'
const editor = openEditor(files)

const message = '{ room: string; text: string; at: Date; }'

it('is asked about files that compile', () => {
  expect(editor.problems()).toEqual([])
})

describe('go to definition', () => {
  it.each([
    ['a call', `${client}: post(`, `${contract}: post`],
    ['a subscription', `${client}: messages(`, `${contract}: messages`],
    ['a record of the router', `${client}: rooms.post`, 'editor-contract.ts: rooms'],
    ['a handler', `${server}: post:`, `${contract}: post`],
    ['a call in process', `${server}: .rooms.|post(`, `${contract}: post`],
    ['a field of an item', `${client}: message.|text`, `${contract}: text`],
  ])('of %s lands in the contract', (_what, mark, target) => {
    expect(editor.definitions(mark)).toContain(target)
  })
})

describe('hover', () => {
  it('over a call shows input, options, output and the data of its errors', () => {
    expect(editor.hover(`${client}: post(`)).toBe(
      '(property) post: (input: { room: string; text: string; }, options?: CallOptions) => ' +
        `Call<${message}, CallError<{ ROOM_CLOSED: { since: Date; }; }>>`,
    )
  })

  it('over a subscription shows its items', () => {
    expect(editor.hover(`${client}: messages(`)).toBe(
      '(property) messages: (input: { room: string; }, options?: SubscribeOptions) => ' +
        `PendingSubscription<${message}, CallError<{}>>`,
    )
  })

  it('over a call without an input says that there is none', () => {
    const shown = 'ping: (input?: undefined, options?: CallOptions) => Call<void, CallError<{}>>'
    expect(editor.hover(`${client}: ping`)).toBe(`(property) ${shown}`)
  })

  it("over a handler's name shows what it gets and gives", () => {
    expect(editor.hover(`${server}: post:`)).toBe(
      '(property) post: (argument: HandlerArgument<{ room: string; text: string; }, { user: string; }, ' +
        `{ ROOM_CLOSED: { since: Date; }; }>) => ${message} | Promise<${message}>`,
    )
  })

  it("over a subscription's handler shows a source of items", () => {
    expect(editor.hover(`${server}: messages:`)).toBe(
      '(property) messages: (argument: HandlerArgument<{ room: string; }, { user: string; }, {}>) => ' +
        `ItemSource<${message}> | Promise<ItemSource<${message}>>`,
    )
  })

  it("over a handler's errors shows their data", () => {
    const shown = 'errors: ErrorConstructors<{ ROOM_CLOSED: { since: Date; }; }>'
    expect(editor.hover(`${server}: errors }`)).toBe(`(parameter) ${shown}`)
  })

  it('over what was awaited shows the output', () => {
    expect(editor.hover(`${client}: made`)).toBe(`const made: ${message}`)
  })
})

describe('rename', () => {
  const all = (replacements: [file: keyof typeof files, before: string, after: string][]): Record<string, string> => {
    const renamed: Record<string, string> = { ...files }
    for (const [file, before, after] of replacements) {
      expect(renamed[file]).toContain(before)
      renamed[file] = (renamed[file] ?? '').replaceAll(before, after)
    }
    return renamed
  }

  it.each([`${contract}: post`, `${client}: post(`, `${server}: post:`, `${server}: .rooms.|post(`])(
    'of a procedure from "%s" changes contract, handler and calls',
    (mark) => {
      expect(editor.rename(mark, 'say')).toEqual(
        all([
          [contract, 'post:', 'say:'],
          [server, 'post:', 'say:'],
          [server, '.post(', '.say('],
          [client, '.post(', '.say('],
        ]),
      )
    },
  )

  it('of a procedure leaves the function alone that is its handler by a shorthand', () => {
    expect(editor.rename(`${client}: list()`, 'names')).toEqual(
      all([
        [contract, 'list:', 'names:'],
        [server, '    list,', '    names: list,'],
        [client, '.list()', '.names()'],
      ]),
    )
  })

  it('of an error changes where it is thrown', () => {
    expect(editor.rename(`${contract}: ROOM_CLOSED`, 'SHUT')).toEqual(
      all([
        [contract, 'ROOM_CLOSED', 'SHUT'],
        [server, 'ROOM_CLOSED', 'SHUT'],
      ]),
    )
  })
})
