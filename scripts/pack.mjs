// Packs `trunkline` as npm publishes it, once for each state of its sources, and prints where the tarball is.
// The tarball's content lies beside it in `package`, for what measures it.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = join(root, 'packages/trunkline')
const folder = join(root, 'node_modules/.cache/trunkline')

/** @returns the path of the tarball */
export function pack() {
  const state = hashOf([
    ...filesOf(source),
    ...['pnpm-lock.yaml', 'scripts/pack-exports.mjs', 'docs/mistakes.md'].map((name) => join(root, name)),
  ])
  const tarball = join(folder, 'trunkline.tgz')
  const stateFile = join(folder, 'state')
  if (existsSync(stateFile) && readFileSync(stateFile, 'utf8') === state) return tarball
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  // npm of its own accord writes what `prepack` prints to stderr, which is shown when it fails.
  const printed = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: source,
    encoding: 'utf8',
  })
  renameSync(join(folder, JSON.parse(printed.slice(printed.indexOf('[')))[0].filename), tarball)
  execFileSync('tar', ['-xzf', tarball, '-C', folder])
  writeFileSync(stateFile, state)
  return tarball
}

function filesOf(directory) {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (['node_modules', 'dist', 'docs'].includes(entry.name)) return []
    const path = join(directory, entry.name)
    return entry.isDirectory() ? filesOf(path) : [path]
  })
}

function hashOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths) hash.update(path).update(readFileSync(path))
  return hash.digest('hex')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(pack())
