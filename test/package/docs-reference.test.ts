// docs/reference.md says what the source says.
import { readFileSync } from 'node:fs'
import { beforeAll, expect, it } from 'vitest'
import { closeCode } from '../../packages/trunkline/src/protocol/close.ts'
import { builtinCodes } from '../../packages/trunkline/src/protocol/error.ts'
import { resolveOptions } from '../../packages/trunkline/src/server/options.ts'

// A plain script, without types: npm runs it as it is.
const { makeReference, referencePath } = (await import(
  new URL('../../scripts/reference.mjs', import.meta.url).href
)) as {
  makeReference(change?: (file: string, text: string) => string): string
  referencePath: string
}

const page = readFileSync(referencePath, 'utf8')
let made = ''

beforeAll(() => {
  made = makeReference()
})

/** Cells of the rows that begin with this one. */
const rowsOf = (first: string): string[][] =>
  page
    .split('\n')
    .filter((row) => row.startsWith(`| ${first} |`))
    .map((row) =>
      row
        .slice(2, -2)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )

it('is up to date: npm run reference writes it', () => {
  expect(page).toBe(made)
})

it('has a row for every built-in error code', () => {
  expect(builtinCodes.filter((code) => rowsOf(`\`${code}\``).length !== 1)).toEqual([])
})

it('has a row for every close code that this version sends', () => {
  const codes = Object.values(closeCode).filter((code) => code !== closeCode.abnormal)
  expect(codes.filter((code) => rowsOf(String(code)).length !== 1)).toEqual([])
})

it('states the defaults that the server fills in', () => {
  const { keepAlive, limits, helloTimeoutMs, authTimeoutMs, validateOutput } = resolveOptions({})
  const nested = (name: string, values: object) =>
    Object.entries(values).map(([key, value]) => [`${name}.${key}`, value])
  const defaults = [
    ...nested('keepAlive', keepAlive),
    ...nested('limits', limits),
    ['helloTimeoutMs', helloTimeoutMs],
    ['authTimeoutMs', authTimeoutMs],
    ['validateOutput', validateOutput],
  ] as [string, number | boolean][]
  expect(defaults.length).toBeGreaterThan(9)
  for (const [name, value] of defaults) {
    const stated = rowsOf(`\`${name}\``).map(([, , preset = '']) => /^`([^`]*)`/.exec(preset)?.[1]?.replaceAll('_', ''))
    expect(stated, name).toContain(String(value))
  }
})

/** Gives the server's options file with a text put in. */
const withOption =
  (option: string, types = '') =>
  (file: string, text: string) => {
    if (file !== 'server/options.ts') return text
    return text.replace('  keepAlive?: KeepAliveOptions\n', `  keepAlive?: KeepAliveOptions\n${option}`) + types
  }

it('takes in a new option, and a new group of options, by itself', () => {
  const types = `
    export interface QuotaOptions {
      /** Calls a second. @default 50, as many as a person clicks | types */
      perSecond?: number
    }`
  const page = makeReference(
    withOption('  /** Off unless set. @default false */\n  quota?: false | QuotaOptions\n', types),
  )
  expect(page).toContain('| `quota` | `false \\| QuotaOptions` | `false` | Off unless set. |\n')
  expect(page).toContain(
    '| `quota.perSecond` | `number` | `50`, as many as a person clicks \\| types | Calls a second. |\n',
  )
})

it('takes in options of something new that a door exports', () => {
  const page = makeReference((file, text) => {
    if (file !== 'server/index.ts') return text
    return `${text}
      /** \`createGate(options)\` */
      export interface GateOptions {
        /** How wide. */
        width: number
      }`
  })
  expect(page).toContain('### GateOptions\n\n`createGate(options)`\n')
  expect(page).toContain('| `width` | `number` | required | How wide. |\n')
})

it('refuses an option without a docstring, and says where it is', () => {
  const make = () => makeReference(withOption('  bare?: number\n'))
  expect(make).toThrow(/bare: packages\/trunkline\/src\/server\/options\.ts:\d+/)
})
