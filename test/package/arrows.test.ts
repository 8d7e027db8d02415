import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'

// The arrows of ARCHITECTURE.md, read from the source: protocol ← contract ← server; client → calls → protocol, and from contract only types; server → calls.

const source = fileURLToPath(new URL('../../packages/trunkline/src', import.meta.url))

interface Import {
  /** The file that imports, from `src`: `server/app.ts`. */
  readonly from: string
  /** A file from `src`, or the name of a package. */
  readonly to: string
  /** False when it is gone after compilation. */
  readonly isValue: boolean
}

/** `type` on the whole statement; `import { type A }` alone still loads the module, under verbatimModuleSyntax. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  return ts.isImportDeclaration(node) ? node.importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword : node.isTypeOnly
}

function readImports(file: string): Import[] {
  const from = relative(source, file)
  const found: Import[] = []
  const add = (specifier: string, isValue: boolean): void => {
    const to = specifier.startsWith('.') ? relative(source, join(dirname(file), specifier)) : specifier
    found.push({ from, to, isValue })
  }
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
      add((node.moduleSpecifier as ts.StringLiteral).text, !isTypeOnly(node))
    } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
      add((node.argument.literal as ts.StringLiteral).text, false)
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [argument] = node.arguments
      if (!argument || !ts.isStringLiteral(argument)) throw new Error(`${from}: an import that can't be read`)
      add(argument.text, true)
    } else if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'require') {
      throw new Error(`${from}: require()`)
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true))
  return found
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
const imports = files.flatMap((name) => readImports(join(source, name)))

const roomOf = (file: string): string => (file.includes('/') ? file.slice(0, file.indexOf('/')) : 'root')
const isInside = ({ to }: Import): boolean => files.includes(to)
const inside = imports.filter(isInside)
const outside = imports.filter((one) => !isInside(one))
const arrow = ({ from, to, isValue }: Import): string => `${from} → ${to}${isValue ? '' : ' (type)'}`
const arrows = (found: Import[]): string[] => found.map(arrow)

/** Everything a file loads, itself included. */
function reach(start: string): Set<string> {
  const seen = new Set([start])
  for (const file of seen) for (const { from, to, isValue } of imports) if (from === file && isValue) seen.add(to)
  return seen
}

describe('what is read', () => {
  it('is every file, and every import leads to a file or names a package', () => {
    expect(files.length).toBeGreaterThan(40)
    expect(imports.length).toBeGreaterThan(150)
    expect(arrows(outside.filter(({ to }) => to.startsWith('.') || to.endsWith('.ts')))).toEqual([])
  })

  it('are only rooms that the rules below know', () => {
    expect([...new Set(files.map(roomOf))].sort()).toEqual([
      'adapters',
      'calls',
      'client',
      'contract',
      'protocol',
      'root',
      'server',
      'testing',
    ])
  })

  it('has both kinds of imports: the reading itself works', () => {
    expect(inside.some(({ isValue }) => isValue)).toBe(true)
    expect(inside.some(({ isValue }) => !isValue)).toBe(true)
    expect(arrows(inside)).toContain('contract/router.ts → protocol/error.ts')
    expect(arrows(inside)).toContain('contract/client-types.ts → protocol/error.ts (type)')
  })
})

describe('arrows', () => {
  it.each<[string, string[]]>([
    ['protocol', ['protocol']],
    ['contract', ['protocol', 'contract']],
    ['calls', ['protocol', 'contract', 'calls']],
    ['server', ['protocol', 'contract', 'calls', 'server']],
    ['client', ['protocol', 'contract', 'calls', 'client']],
    ['root', ['protocol', 'contract']],
    ['adapters', ['protocol', 'contract', 'calls', 'server', 'client', 'adapters']],
    ['testing', ['protocol', 'contract', 'calls', 'server', 'client', 'testing']],
  ])('%s imports only %s', (room, allowed) => {
    const wrong = inside.filter(({ from, to }) => roomOf(from) === room && !allowed.includes(roomOf(to)))
    expect(arrows(wrong)).toEqual([])
  })

  it('the client and its calls import only types from the contract, in statements that are gone after compilation', () => {
    const values = inside.filter(
      ({ from, to, isValue }) => ['client', 'calls'].includes(roomOf(from)) && roomOf(to) === 'contract' && isValue,
    )
    expect(arrows(values)).toEqual([])
  })

  it.each<[string, string]>([
    ['client/index.ts', 'server'],
    ['adapters/node-client.ts', 'server'],
    ['client/index.ts', 'contract'],
    ['adapters/node-client.ts', 'contract'],
    ['server/index.ts', 'client'],
    ['adapters/node.ts', 'client'],
    ['index.ts', 'client'],
    ['index.ts', 'server'],
  ])('%s loads nothing of %s, at any distance', (door, room) => {
    expect([...reach(door)].filter((file) => files.includes(file) && roomOf(file) === room)).toEqual([])
  })

  it('nothing imports an index.ts', () => {
    expect(arrows(imports.filter(({ to }) => /(^|\/)index(\.ts)?$/.test(to)))).toEqual([])
  })

  it('nobody inside imports adapters or testing', () => {
    const wrong = inside.filter(
      ({ from, to }) => ['adapters', 'testing'].includes(roomOf(to)) && roomOf(from) !== roomOf(to),
    )
    expect(arrows(wrong)).toEqual([])
  })

  it('no file loads itself through others', () => {
    const cycles: string[] = []
    const done = new Set<string>()
    const visit = (file: string, path: string[]): void => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (path.includes(file) || done.has(file)) return
      for (const { from, to, isValue } of inside) if (from === file && isValue) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })
})

describe('packages', () => {
  const packageJson = JSON.parse(readFileSync(join(source, '../package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }

  const runtimes = outside.filter(({ to }) => /^(node:|ws$|bun$|bun:|cloudflare:)/.test(to))

  it('only adapters and the fault proxy name a runtime: node: and ws', () => {
    const proxy = ['testing/fault-proxy.ts', 'testing/proxy-connection.ts']
    const wrong = runtimes.filter(({ from }) => roomOf(from) !== 'adapters' && !proxy.includes(from))
    expect(arrows(wrong)).toEqual([])
  })

  it('the door for tests opens without a runtime: the fault proxy asks for Node when it is made', () => {
    const named = runtimes.filter(({ from, isValue }) => roomOf(from) === 'testing' && isValue)
    expect(named.map(({ to }) => to).sort()).toEqual(['node:net', 'node:timers'])
    const proxy = readFileSync(join(source, 'testing/fault-proxy.ts'), 'utf8')
    expect(proxy).toContain("await Promise.all([import('node:net'), import('node:timers')])")
  })

  it('what is loaded is a dependency of the package', () => {
    const loaded = outside.filter(({ to, isValue }) => isValue && !to.startsWith('node:'))
    for (const { from, to } of loaded) expect(Object.keys(packageJson.dependencies), `${from} → ${to}`).toContain(to)
  })

  it('protocol and contract load no package', () => {
    const wrong = outside.filter(
      ({ from, isValue }) => isValue && ['protocol', 'contract', 'root'].includes(roomOf(from)),
    )
    expect(arrows(wrong)).toEqual([])
  })

  it('nobody imports zod, not even a type', () => {
    expect(arrows(outside.filter(({ to }) => /^zod(\/|$)/.test(to)))).toEqual([])
  })

  it('the client door loads no package', () => {
    expect([...reach('client/index.ts')].filter((file) => !files.includes(file))).toEqual([])
  })

  it('the client door for Node loads ws and Node’s own, nothing more', () => {
    const packages = [...reach('adapters/node-client.ts')].filter((file) => !files.includes(file))
    expect(packages.filter((name) => name !== 'ws' && !name.startsWith('node:'))).toEqual([])
  })

  it('the server door loads no runtime', () => {
    expect([...reach('server/index.ts')].filter((file) => !files.includes(file)).sort()).toEqual([])
  })
})
