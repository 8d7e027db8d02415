// Writes projects of 200 procedures for the compiler to be measured on: zod alone, and zod with both ends. Runs nothing.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Part = 'schemas' | 'types' | 'contract' | 'server' | 'client'

/** `schemas` is zod alone, `types` asks it for every input and output, `both` is a contract, its server and its client. */
const projects = {
  schemas: ['schemas'],
  types: ['schemas', 'types'],
  both: ['schemas', 'contract', 'server', 'client'],
} as const satisfies Record<string, readonly Part[]>
export type Project = keyof typeof projects

const procedures = 200
const perRecord = 20

/** Writes a project into a folder, with a tsconfig.json of its own. */
export function writeProject(folder: string, project: Project): void {
  mkdirSync(folder, { recursive: true })
  const files = projects[project].map((part) => `${part}.ts`)
  for (const part of projects[project]) writeFileSync(join(folder, `${part}.ts`), texts[part]())
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

const texts: Record<Part, () => string> = {
  schemas: () => `import { z } from 'zod'\n${each(schemas)}`,
  types: () => `import type { z } from 'zod'\nimport type * as s from './schemas'\n${each(types)}`,
  contract: () =>
    `import { mutation, query, router, subscription } from 'trunkline'\nimport * as s from './schemas'\n` +
    `export const contract = router({\n${records(definition)}})\n`,
  server: () =>
    `import { implement } from 'trunkline/server'\nimport { contract } from './contract'\n` +
    `export const app = implement(contract).context<{ user: string }>().handlers({\n${records(handler)}})\n`,
  client: () =>
    `import { createClient } from 'trunkline/client'\nimport type { contract } from './contract'\n` +
    `const { api } = createClient<typeof contract>({ url: 'ws://localhost' })\n` +
    `export async function calls(): Promise<void> {\n${each(call)}}\n`,
}

const each = (line: (index: number) => string): string =>
  Array.from({ length: procedures }, (_, index) => line(index)).join('')

function records(line: (index: number) => string): string {
  return Array.from({ length: procedures / perRecord }, (_, record) => {
    const lines = Array.from({ length: perRecord }, (_, index) => line(record * perRecord + index))
    return `  r${record}: {\n${lines.join('')}  },\n`
  }).join('')
}

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

function handler(index: number): string {
  const output = `{ key${index}: input.id${index}, at: new Date(input.limit), tags: [], by: { name: context.user } }`
  return kindOf(index) === 'subscription'
    ? `    p${index}: async function* ({ input, context }) { yield ${output} },\n`
    : `    p${index}: ${kindOf(index) === 'mutation' ? 'async ' : ''}({ input, context }) => (${output}),\n`
}

function call(index: number): string {
  const path = `api.r${Math.floor(index / perRecord)}.p${index}({ id${index}: 'a' })`
  return kindOf(index) === 'subscription'
    ? `  for await (const item of ${path}) item.key${index}.length\n`
    : `  ;(await ${path}).key${index}.length\n`
}
