// The tarball as npm would publish it, and projects that install it. Knows no app and no compiler.
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Where `scripts/pack.mjs` puts the tarball's content. */
export const packageFolder = join(root, 'node_modules/.cache/trunkline/package')

/** Runs a program and gives what it prints; fails with everything that was said. */
export function run([program = '', ...args]: readonly string[], cwd: string = root): Promise<string> {
  // What the test runner and `npm test` say to their children is none of the stranger's.
  const ours = /^(NODE_ENV|NODE_OPTIONS|VITEST.*|FORCE_COLOR|npm_(package|lifecycle|command|execpath).*)$/
  const kept = Object.entries(process.env).filter(([name]) => !ours.test(name))
  const env = { ...Object.fromEntries(kept), NO_COLOR: '1', YARN_ENABLE_IMMUTABLE_INSTALLS: 'false' }
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${program} ${args.join(' ')} in ${cwd}\n${stdout}\n${stderr}`))
      else resolve(stdout)
    })
  })
}

/** Runs Node, with the script first. */
export const node = (args: readonly string[], cwd?: string): Promise<string> => run([process.execPath, ...args], cwd)

/** Packs, unless it has been packed since the last change, and gives the tarball's path. */
export async function pack(): Promise<string> {
  return (await node([join(root, 'scripts/pack.mjs')])).trim()
}

export interface Manager {
  readonly name: string
  /** Files that make it as strict as it can be. */
  readonly settings: Readonly<Record<string, string>>
  readonly install: readonly string[]
  /** Kinds of module it can run. */
  readonly kinds: readonly ('esm' | 'cjs')[]
  /** What runs a script that is named behind it. */
  readonly node: readonly string[]
}

/** The repository's own package.json: its versions are what a stranger gets beside the tarball. */
const ours = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  packageManager: string
  devDependencies: Record<'zod' | '@types/node', string>
}

const yarnClassic = join(root, 'node_modules/yarn-classic/bin/yarn.js')
const yarnBerry = join(root, 'node_modules/yarn-berry/bin/yarn.js')

export const managers = {
  npm: {
    name: 'npm',
    settings: {},
    install: ['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts'],
    kinds: ['esm', 'cjs'],
    node: [process.execPath],
  },
  pnpm: {
    name: 'pnpm',
    // Nothing is to be had that was not asked for.
    settings: { 'pnpm-workspace.yaml': 'hoist: false\nautoInstallPeers: false\n' },
    install: ['npx', '--yes', ours.packageManager, 'install', '--prefer-offline', '--ignore-scripts'],
    kinds: ['esm', 'cjs'],
    node: [process.execPath],
  },
  yarn: {
    name: 'yarn classic',
    settings: {},
    // A cache of its own: yarn keeps a tarball by name and version, and this one changes under the same.
    install: [
      process.execPath,
      yarnClassic,
      'install',
      '--no-lockfile',
      '--non-interactive',
      '--cache-folder',
      '.cache',
    ],
    kinds: ['esm', 'cjs'],
    node: [process.execPath],
  },
  plugAndPlay: {
    name: 'yarn Plug’n’Play',
    settings: { '.yarnrc.yml': 'nodeLinker: pnp\nenableTelemetry: false\nenableGlobalCache: false\n', 'yarn.lock': '' },
    install: [process.execPath, yarnBerry, 'install'],
    kinds: ['esm', 'cjs'],
    node: [process.execPath, yarnBerry, 'node'],
  },
} satisfies Record<string, Manager>

/** Installs the tarball and what a stranger has beside it into a fresh folder. */
export async function installWith(manager: Manager, files: Readonly<Record<string, string>>): Promise<string> {
  const tarball = await pack()
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'trunkline-stranger-')))
  const dependencies = { trunkline: `file:${tarball}`, zod: ours.devDependencies.zod }
  const types = { '@types/node': ours.devDependencies['@types/node'] }
  const manifest = { name: 'stranger', private: true, type: 'module', dependencies, devDependencies: types }
  await writeFiles(folder, { ...manager.settings, ...files, 'package.json': JSON.stringify(manifest) })
  await run(manager.install, folder)
  return folder
}

export async function writeFiles(folder: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

export const remove = (folder: string): Promise<void> => rm(folder, { recursive: true, force: true })
