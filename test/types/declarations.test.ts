import { cp, mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Compiled, compile } from './program.ts'

// A type that can be inferred but not named from a door ends in TS2742 or TS4023 in a user's project, and only there: where the
// package is a symlink of a workspace, TypeScript writes a relative path instead. So here it is installed as a user has it.

const root = fileURLToPath(new URL('../..', import.meta.url))
const packageRoot = join(root, 'packages/trunkline')

const files = {
  'contract.ts': `
    import { mutation, query, router, subscription, type } from 'trunkline'
    import { z } from 'zod'
    export const Message = z.object({ id: z.string(), at: z.date() })
    export const list = query({ output: z.array(z.string()) })
    export const contract = router({
      ping: query(),
      rooms: {
        list,
        post: mutation({ input: Message, output: Message, errors: { CLOSED: z.object({ since: z.date() }), MUTED: type<void>() } }),
        messages: subscription({ input: type<{ room: string }>(), output: Message }),
      },
    })`,
  'app.ts': `
    import { event, isRpcError, RpcError } from 'trunkline'
    import { createCaller, createServer, implement, latestBy, memoryPublisher } from 'trunkline/server'
    import { contract } from './contract'
    export const bus = memoryPublisher<{ messages: { id: string; at: Date } }>()
    export const feed = bus.subscribe('messages')
    export const policy = latestBy((message: { id: string }) => message.id)
    export const start = implement(contract).context<{ user: string }>().use(({ next }) => next({ context: { admin: true } }))
    export const authed = start.middleware(({ next }) => next({ context: { id: 1 } }))
    export const audit = start.middleware(({ next }) => next())
    export const app = start.handlers({
      ping: () => {},
      rooms: {
        list: authed(() => []),
        post: ({ input, errors }) => { if (input.id === '') throw errors.CLOSED({ since: new Date() }); return input },
        messages: ({ signal }) => bus.subscribe('messages', { signal }),
      },
    })
    export const server = createServer(app, { authenticate: () => ({ user: 'ada' }) })
    export const caller = createCaller(app, { context: { user: 'ada' } })
    export const made = event(1, { id: 'a' })
    export const error = new RpcError('TEAPOT', { data: { stout: true } })
    export const errorOf = (value: unknown) => (isRpcError(value) ? value : undefined)`,
  'client.ts': `
    import { createClient, safe } from 'trunkline/client'
    import type { contract } from './contract'
    export const client = createClient<typeof contract>({ url: 'ws://localhost' })
    export const { api, connection } = client
    export const post = () => api.rooms.post({ id: '1', at: new Date() })
    export const messages = () => api.rooms.messages({ room: 'lobby' })
    export const live = async () => await messages()
    export const outcome = () => safe(post())
    export const opened = () => safe(messages())
    export const state = () => connection.state
    export const stats = () => connection.stats()`,
  'node.ts': `
    import { attach, serve } from 'trunkline/node'
    import { createPair } from 'trunkline/testing'
    import { createServer } from 'node:http'
    import { app } from './app'
    const authenticate = () => ({ user: 'ada' })
    export const served = serve(app, { port: 0, authenticate })
    export const attached = attach(app, createServer(), { authenticate })
    export const pair = createPair(app, { authenticate })`,
}

/** Codes of "this inferred type can't be named". */
const unnameable = /^TS(2742|2883|4\d{3}|9\d{3}):/

let directory: string

/** Installs the package by copy, its doors as they are in package.json, under a name's own node_modules. */
async function install(): Promise<string> {
  const made = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-types-')))
  const target = join(made, 'node_modules/trunkline')
  await mkdir(join(made, 'node_modules/@types'), { recursive: true })
  await cp(join(packageRoot, 'src'), join(target, 'src'), { recursive: true })
  await cp(join(packageRoot, 'package.json'), join(target, 'package.json'))
  await symlink(join(packageRoot, 'node_modules'), join(target, 'node_modules'))
  await symlink(join(root, 'node_modules/zod'), join(made, 'node_modules/zod'))
  for (const name of ['node', 'ws'])
    await symlink(join(root, 'node_modules/@types', name), join(made, 'node_modules/@types', name))
  return made
}

beforeAll(async () => {
  directory = await install()
})

afterAll(() => rm(directory, { recursive: true, force: true }))

describe('declarations', () => {
  let compiled: Compiled

  beforeAll(() => {
    compiled = compile(files, { directory, declarations: true })
  })

  it('of an exported contract, app, server, caller and client compile without an error', () => {
    expect(compiled.messages).toEqual([])
  })

  it('are emitted for each file', () => {
    expect([...compiled.declarations.keys()].sort()).toEqual(['app.d.ts', 'client.d.ts', 'contract.d.ts', 'node.d.ts'])
  })

  it('name the package by its doors only', () => {
    const doors = ['trunkline', 'trunkline/server', 'trunkline/client', 'trunkline/node', 'trunkline/testing']
    const others = ['zod', 'node:http', './contract', './app']
    for (const text of compiled.declarations.values()) {
      const named = [...text.matchAll(/(?:from |import\()["']([^"']+)["']/g)].map((match) => match[1])
      for (const specifier of named) expect([...doors, ...others, 'zod/v4/core', 'http']).toContain(specifier)
    }
  })

  it('have no any in them', () => {
    for (const text of compiled.declarations.values()) expect(text).not.toMatch(/\bany\b/)
  })
})

it('a type that a door does not export is found by this test', async () => {
  const door = join(directory, 'node_modules/trunkline/src/index.ts')
  const text = await readFile(door, 'utf8')
  await writeFile(door, text.replace(/^ {2}type Procedure,\n/m, ''))
  const { messages } = compile({ 'contract.ts': files['contract.ts'] }, { directory, declarations: true })
  await writeFile(door, text)
  expect(messages.some((message) => unnameable.test(message))).toBe(true)
}, 60_000)
