// What npm would publish: which files, and whether every way to import them finds code and types.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { query } from 'trunkline'
import { beforeAll, describe, expect, it } from 'vitest'
import { node, pack, packageFolder, root } from './tarball.ts'

const doors = ['index', 'server', 'client', 'client.node', 'node', 'testing']
let tarball: string
let files: string[]

beforeAll(async () => {
  tarball = await pack()
  files = readdirSync(packageFolder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(packageFolder.length + 1))
}, 120_000)

function messageOfMisuse(): string {
  try {
    query(null as never)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}

describe('the tarball', () => {
  it('holds the licence, the readme, the manifest, dist, and the page that messages point to; no source, no test', () => {
    expect(files.filter((file) => !file.startsWith('dist/')).sort()).toEqual([
      'LICENSE',
      'README.md',
      'docs/mistakes.md',
      'package.json',
    ])
  })

  it('has the page at the place that a message names, with the heading', () => {
    const [, path = '', anchor] = /\(node_modules\/trunkline\/(\S+)#(\w+)\)$/.exec(messageOfMisuse()) ?? []
    expect(files).toContain(path)
    expect(readFileSync(join(packageFolder, path), 'utf8').toLowerCase()).toContain(`\n## ${anchor}\n`)
  })

  it('has code, a map and types of each door twice, and nothing in dist but these and what they share', () => {
    // What the bundlers name by its content is shared between doors: code, and declarations.
    const named = files.filter((file) => !/^dist\/(chunk-\w{8}\.c?js(\.map)?|[a-z-]+-[\w-]{8}\.d\.c?ts)$/.test(file))
    const endings = ['js', 'js.map', 'd.ts', 'cjs', 'cjs.map', 'd.cts']
    const expected = doors.flatMap((door) => endings.map((ending) => `dist/${door}.${ending}`))
    expect(named.filter((file) => file.startsWith('dist/')).sort()).toEqual(expected.sort())
  })

  it('has maps that bring the source with them, since no source file comes along', () => {
    for (const file of files.filter((name) => name.endsWith('.map'))) {
      const { sources, sourcesContent } = JSON.parse(readFileSync(join(packageFolder, file), 'utf8'))
      expect(sourcesContent, file).toHaveLength(sources.length)
      expect(
        sources.filter((path: string) => path.startsWith('/')),
        file,
      ).toEqual([])
    }
  })

  it('has a manifest whose doors are all in dist, and no scripts', () => {
    const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
    const targets = JSON.stringify([manifest.exports, manifest.main, manifest.types, manifest.typesVersions])
    for (const [, target = ''] of targets.matchAll(/"(\.\/[^"]*\.c?[jt]s)"/g)) expect(files).toContain(target.slice(2))
    expect(targets).not.toContain('src/')
    expect(Object.keys(manifest)).not.toContain('scripts')
    expect(manifest.dependencies).toEqual({ ws: expect.any(String) })
  })

  it('leaves the package.json of the repository as it is', () => {
    const manifest = JSON.parse(readFileSync(join(root, 'packages/trunkline/package.json'), 'utf8'))
    expect(manifest.exports['.']).toBe('./src/index.ts')
  })

  it('passes publint --strict', async () => {
    expect(await node([join(root, 'node_modules/publint/src/cli.js'), '--strict', tarball])).toContain('All good!')
  })

  it('has the right types for every way to resolve it: node10, node16 from both kinds of module, a bundler', async () => {
    const cli = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const { analysis, problems } = JSON.parse(await node([cli, tarball, '--format', 'json']))
    expect(problems ?? {}).toEqual({})
    const manifest = JSON.parse(readFileSync(join(packageFolder, 'package.json'), 'utf8'))
    expect(Object.keys(analysis.entrypoints)).toEqual(Object.keys(manifest.exports))
  })
})
