// A stranger installs the tarball, by each package manager, and compiles a strict app of it with each compiler.
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { appFiles, said } from './stranger.ts'
import { installWith, type Manager, managers, node, pack, remove, root, run, writeFiles } from './tarball.ts'

const compilers = ['typescript-5.9', 'typescript', 'typescript-7'] as const
type Compiler = (typeof compilers)[number]

const tsc = (compiler: Compiler): string => join(root, 'node_modules', compiler, 'bin/tsc')

/** Module and moduleResolution go together; a bundler's project is one of ES modules. */
const resolutions = [
  { moduleResolution: 'Bundler', module: 'ESNext', folders: ['esm'] },
  { moduleResolution: 'Node16', module: 'Node16', folders: ['esm', 'cjs'] },
  { moduleResolution: 'NodeNext', module: 'NodeNext', folders: ['esm', 'cjs'] },
] as const
type Resolution = (typeof resolutions)[number]

/** Compiles the app as its author would, declarations and all; what is wrong rejects with the compiler's words. */
async function build(folder: string, compiler: Compiler, { folders, ...modules }: Resolution): Promise<string> {
  const out = `out/${compiler}-${modules.moduleResolution}`
  const compilerOptions = {
    ...modules,
    target: 'ES2022',
    lib: ['ES2022', 'ESNext.Disposable', 'DOM'],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    verbatimModuleSyntax: modules.module === 'ESNext',
    skipLibCheck: false,
    declaration: true,
    rootDir: '.',
    outDir: out,
    types: ['node'],
  }
  const config = `tsconfig.${compiler}-${modules.moduleResolution}.json`
  await writeFiles(folder, {
    [config]: JSON.stringify({ compilerOptions, include: folders }),
    [`${out}/esm/package.json`]: '{ "type": "module" }',
    [`${out}/cjs/package.json`]: '{ "type": "commonjs" }',
  })
  await node([tsc(compiler), '-p', config], folder)
  return join(folder, out)
}

const nodeNext = resolutions[2]
/** What each package manager made. */
const folders = new Map<Manager, string>()

const folderOf = (manager: Manager): string => folders.get(manager) ?? ''

beforeAll(async () => {
  await pack()
  const install = async (manager: Manager) => void folders.set(manager, await installWith(manager, appFiles))
  await Promise.all(Object.values(managers).map(install))
}, 240_000)

afterAll(async () => {
  for (const folder of folders.values()) await remove(folder)
})

// pnpm is the strict one: what an inferred type names must be in reach of the app itself, or it ends in TS2742.
describe.each(compilers)('%s', (compiler) => {
  it.each(resolutions)(
    'compiles the app, declarations and all, with $moduleResolution',
    async (resolution) => {
      await build(folderOf(managers.pnpm), compiler, resolution)
    },
    120_000,
  )
})

describe.each(Object.values(managers))('installed by $name', (manager) => {
  let out: string

  beforeAll(async () => {
    const folder = folderOf(manager)
    // Plug'n'Play keeps packages in archives, which no compiler reads without yarn's patches: it runs what another compiled.
    const isArchive = manager === managers.plugAndPlay
    out = await build(isArchive ? folderOf(managers.npm) : folder, 'typescript-7', nodeNext)
    if (!isArchive) return
    await cp(out, join(folder, 'out'), { recursive: true })
    out = join(folder, 'out')
  }, 120_000)

  it.each(manager.kinds)('the app runs as %s', async (kind) => {
    expect(await run([...manager.node, join(out, kind, 'main.js')], folderOf(manager))).toBe(said)
  })
})
