// Writes projects for the compiler to be measured on: zod alone, the same functions by hand, and with both ends. Runs nothing.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Part =
  | 'schemas'
  | 'types'
  | 'contract'
  | 'server'
  | 'client'
  | 'handServer'
  | 'handClient'
  | 'trpcServer'
  | 'trpcClient'
  | 'orpcServer'
  | 'orpcClient'

/**
 * `schemas` is zod alone: two object schemas a procedure, an input of three fields and an output of four, one of them an object.
 * `types` asks zod for the four types of each procedure and reads one field of each; the fields that it doesn't read cost it nothing.
 * `byHand` has a handler and a call for each procedure, annotated with those four types, and nothing of Trunkline.
 * `both` is a contract, its server and its client: the same handlers and the same calls, word for word.
 * `trpc` and `orpc` are the same handlers and calls again, written as their documentation does.
 * A handler reads two fields of its input and one of the context and answers with every field; a call's answer is read, or iterated.
 */
const projects = {
  schemas: ['schemas'],
  types: ['schemas', 'types'],
  byHand: ['schemas', 'handServer', 'handClient'],
  both: ['schemas', 'contract', 'server', 'client'],
  trpc: ['schemas', 'trpcServer', 'trpcClient'],
  orpc: ['schemas', 'orpcServer', 'orpcClient'],
} as const satisfies Record<string, readonly Part[]>
export type Project = keyof typeof projects

const perRecord = 20

/** Writes a project of so many procedures into a folder, with a tsconfig.json of its own. */
export function writeProject(folder: string, project: Project, procedures: number): void {
  mkdirSync(folder, { recursive: true })
  const files = projects[project].map((part) => `${part}.ts`)
  for (const part of projects[project]) writeFileSync(join(folder, `${part}.ts`), texts[part](procedures))
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
}

const compilerOptions = {
  target: 'ES2022',
  lib: ['ES2023', 'ESNext.Disposable', 'DOM', 'DOM.AsyncIterable'],
  module: 'ESNext',
  moduleResolution: 'Bundler',
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
}

const importTypes = `import type { z } from 'zod'\nimport type * as s from './schemas'\n`

const texts: Record<Part, (procedures: number) => string> = {
  schemas: (procedures) => `import { z } from 'zod'\n${each(procedures, schemas)}`,
  types: (procedures) => `${importTypes}${each(procedures, types)}`,
  contract: (procedures) =>
    `import { mutation, query, router, subscription } from 'trunkline'\nimport * as s from './schemas'\n` +
    `export const contract = router({\n${records(procedures, definition)}})\n`,
  server: (procedures) =>
    `import { implement } from 'trunkline/server'\nimport { contract } from './contract'\n` +
    `export const app = implement(contract).context<{ user: string }>().handlers({\n${records(procedures, handler)}})\n`,
  client: (procedures) =>
    `import { createClient } from 'trunkline/client'\nimport type { contract } from './contract'\n` +
    `const { api } = createClient<typeof contract>({ url: 'ws://localhost' })\n${calls(procedures)}`,
  handServer: (procedures) => `${importTypes}export const handlers = {\n${records(procedures, handHandler)}}\n`,
  handClient: (procedures) =>
    `${importTypes}declare const api: {\n${records(procedures, handMethod)}}\n${calls(procedures)}`,
  trpcServer: (procedures) =>
    `import { initTRPC } from '@trpc/server'\nimport * as s from './schemas'\n` +
    'const t = initTRPC.context<{ user: string }>().create()\n' +
    `export const app = t.router({\n${records(procedures, trpcProcedure, 't.router(')}})\n`,
  trpcClient: (procedures) =>
    `import { createTRPCClient, createWSClient, wsLink } from '@trpc/client'\nimport type { app } from './trpcServer'\n` +
    `const client = createWSClient({ url: 'ws://localhost' })\n` +
    `const api = createTRPCClient<typeof app>({ links: [wsLink({ client })] })\n${calls(procedures, trpcCall)}`,
  orpcServer: (procedures) =>
    `import { eventIterator, os } from '@orpc/server'\nimport * as s from './schemas'\n` +
    'const base = os.$context<{ user: string }>()\n' +
    `export const app = {\n${records(procedures, orpcProcedure)}}\n`,
  orpcClient: (procedures) =>
    `import { createORPCClient } from '@orpc/client'\nimport { RPCLink } from '@orpc/client/websocket'\n` +
    `import type { RouterClient } from '@orpc/server'\nimport type { app } from './orpcServer'\n` +
    `const link = new RPCLink({ websocket: new WebSocket('ws://localhost') })\n` +
    `const api: RouterClient<typeof app> = createORPCClient(link)\n${calls(procedures, orpcCall)}`,
}

const each = (procedures: number, line: (index: number) => string): string =>
  Array.from({ length: procedures }, (_, index) => line(index)).join('')

/** `wrap`: what a record of procedures is passed to. */
function records(procedures: number, line: (index: number) => string, wrap = ''): string {
  return Array.from({ length: procedures / perRecord }, (_, record) => {
    const lines = Array.from({ length: perRecord }, (_, index) => line(record * perRecord + index))
    return `  r${record}: ${wrap}{\n${lines.join('')}  }${wrap && ')'},\n`
  }).join('')
}

const calls = (procedures: number, line = call): string =>
  `export async function calls(): Promise<void> {\n${each(procedures, line)}}\n`

/** One in ten is a subscription, four a mutation, the rest queries. */
const kindOf = (index: number): 'query' | 'mutation' | 'subscription' =>
  index % 10 === 9 ? 'subscription' : index % 10 > 4 ? 'mutation' : 'query'

const schemas = (index: number): string =>
  `export const In${index} = z.object({ id${index}: z.string().min(1), limit: z.number().int().default(10), tag: z.string().optional() })\n` +
  `export const Out${index} = z.object({ key${index}: z.string(), at: z.date(), tags: z.array(z.string()), by: z.object({ name: z.string() }).nullable() })\n`

const types = (index: number): string =>
  `export const t${index} = (a: z.input<typeof s.In${index}>, b: z.output<typeof s.In${index}>, c: z.input<typeof s.Out${index}>, ` +
  `d: z.output<typeof s.Out${index}>) => [a.id${index}, b.limit, c.at, d.key${index}]\n`

const definition = (index: number): string =>
  `    p${index}: ${kindOf(index)}({ input: s.In${index}, output: s.Out${index} }),\n`

const handler = (index: number): string => `    p${index}: ${handlerBody(index, '{ input, context }', '')},\n`

function handHandler(index: number): string {
  const answer = `z.input<typeof s.Out${index}>`
  const result = { query: answer, mutation: `Promise<${answer}>`, subscription: `AsyncGenerator<${answer}>` }
  const argument = `{ input, context }: { input: z.output<typeof s.In${index}>; context: { user: string } }`
  return `    p${index}: ${handlerBody(index, argument, `: ${result[kindOf(index)]}`)},\n`
}

function handlerBody(index: number, argument: string, result: string): string {
  const output = `{ key${index}: input.id${index}, at: new Date(input.limit), tags: [], by: { name: context.user } }`
  if (kindOf(index) === 'subscription') return `async function* (${argument})${result} { yield ${output} }`
  return `${kindOf(index) === 'mutation' ? 'async ' : ''}(${argument})${result} => (${output})`
}

function handMethod(index: number): string {
  const result = kindOf(index) === 'subscription' ? 'AsyncIterable' : 'Promise'
  return `    p${index}: (input: z.input<typeof s.In${index}>) => ${result}<z.output<typeof s.Out${index}>>,\n`
}

function call(index: number): string {
  const path = `api.r${Math.floor(index / perRecord)}.p${index}({ id${index}: 'a' })`
  return kindOf(index) === 'subscription'
    ? `  for await (const item of ${path}) item.key${index}.length\n`
    : `  ;(await ${path}).key${index}.length\n`
}

function trpcProcedure(index: number): string {
  const kind = kindOf(index)
  // Its `output` would describe the iterable: the items have the type of what the generator yields.
  const output = kind === 'subscription' ? '' : `.output(s.Out${index})`
  return `    p${index}: t.procedure.input(s.In${index})${output}.${kind}(${handlerBody(index, '{ input, ctx: context }', '')}),\n`
}

function trpcCall(index: number): string {
  const path = `api.r${Math.floor(index / perRecord)}.p${index}`
  const input = `{ id${index}: 'a' }`
  switch (kindOf(index)) {
    case 'query':
      return `  ;(await ${path}.query(${input})).key${index}.length\n`
    case 'mutation':
      return `  ;(await ${path}.mutate(${input})).key${index}.length\n`
    case 'subscription':
      return `  ${path}.subscribe(${input}, { onData: (item) => void item.key${index}.length })\n`
  }
}

function orpcProcedure(index: number): string {
  const output = kindOf(index) === 'subscription' ? `eventIterator(s.Out${index})` : `s.Out${index}`
  const handler = handlerBody(index, '{ input, context }', '')
  return `    p${index}: base.input(s.In${index}).output(${output}).handler(${handler}),\n`
}

/** A subscription's iterator has to be awaited; the rest is as above. */
const orpcCall = (index: number): string => call(index).replace('of api.', 'of await api.')
