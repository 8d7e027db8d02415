// Reads types, their members and their docstrings from the package's source, with TypeScript's API. Knows no Markdown.
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('..', import.meta.url))
const source = `${root}packages/trunkline/src`

/** Doors of the package, in the order in which their types are looked for. */
const doors = [
  'index.ts',
  'server/index.ts',
  'adapters/node.ts',
  'client/index.ts',
  'adapters/node-client.ts',
  'testing/index.ts',
]

// ── The program ──────────────────────────────────────────────────────────────

/** @param change gives another text for a file: for tests of what reads it */
export function createProgram(change = (_path, text) => text) {
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root)
  const host = ts.createCompilerHost(options)
  const { readFile } = host
  host.readFile = (path) => {
    const text = readFile(path)
    return text !== undefined && path.startsWith(source) ? change(path.slice(source.length + 1), text) : text
  }
  const entries = doors.map((door) => `${source}/${door}`)
  return ts.createProgram(entries, options, host)
}

/** Every type that a door exports, by name. */
export function exportedTypes(program, checker) {
  const types = new Map()
  for (const door of doors) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(`${source}/${door}`))
    for (const exported of checker.getExportsOfModule(module)) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      if (!types.has(exported.name) && symbol.flags & ts.SymbolFlags.Type) types.set(exported.name, symbol)
    }
  }
  return types
}

// ── Members of a type, from its declaration ──────────────────────────────────

/** Interfaces are read as they are written; an alias is the sum of its parts, and of a condition's branches. */
export function membersOf(symbol, checker, seen = new Set()) {
  if (seen.has(symbol)) return []
  seen.add(symbol)
  return symbol.declarations.flatMap((declaration) => {
    if (ts.isInterfaceDeclaration(declaration)) {
      const inherited = (declaration.heritageClauses ?? []).flatMap(({ types }) =>
        types.flatMap(({ expression }) => membersOfReference(expression, checker, seen)),
      )
      return [...inherited, ...declaration.members]
    }
    return ts.isTypeAliasDeclaration(declaration) ? membersOfNode(declaration.type, checker, seen) : []
  })
}

function membersOfNode(node, checker, seen) {
  if (ts.isTypeLiteralNode(node)) return [...node.members]
  if (ts.isParenthesizedTypeNode(node)) return membersOfNode(node.type, checker, seen)
  if (ts.isIntersectionTypeNode(node)) return node.types.flatMap((part) => membersOfNode(part, checker, seen))
  // The last branch is the stricter one: with a context.
  if (ts.isConditionalTypeNode(node)) return membersOfNode(node.falseType, checker, seen)
  if (ts.isTypeReferenceNode(node)) return membersOfReference(node.typeName, checker, seen)
  return []
}

/** What a name of another package gives is that package's. */
function membersOfReference(name, checker, seen) {
  const symbol = resolve(name, checker)
  return symbol && isOurs(symbol) ? membersOf(symbol, checker, seen) : []
}

function resolve(name, checker) {
  const symbol = checker.getSymbolAtLocation(name)
  return symbol && symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
}

const isOurs = ({ declarations = [] }) => declarations.some((one) => one.getSourceFile().fileName.startsWith(source))

/** The interface of options that a member nests, if it does: `keepAlive?: KeepAliveOptions`, or `false | …`. */
export function nestedOptions({ type }, checker) {
  const parts = type && ts.isUnionTypeNode(type) ? type.types : type ? [type] : []
  for (const part of parts) {
    if (!ts.isTypeReferenceNode(part)) continue
    const symbol = resolve(part.typeName, checker)
    if (symbol && isOurs(symbol) && /Options$/.test(symbol.name)) return symbol
  }
  return undefined
}

export const nameOf = (member) => (member.name ? member.name.getText() : undefined)

/** What a constant of a file is set to. */
export function findVariable(program, file, name) {
  for (const statement of program.getSourceFile(`${source}/${file}`).statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const one of statement.declarationList.declarations) if (one.name.getText() === name) return one.initializer
  }
  throw new Error(`${file} has no ${name}`)
}

// ── TSDoc ────────────────────────────────────────────────────────────────────

/** `packages/…/options.ts:12` */
export const where = (node) => {
  const file = node.getSourceFile()
  const { line } = file.getLineAndCharacterOfPosition(node.getStart())
  return `${file.fileName.slice(root.length)}:${line + 1}`
}

/** The last docstring in front of a node, where TypeScript keeps none too: elements of an array, properties of a value. */
export function docOf(node) {
  const whole = node.getSourceFile().text
  const comments = (ts.getLeadingCommentRanges(whole, node.getFullStart()) ?? [])
    .map(({ pos, end }) => whole.slice(pos, end))
    .filter((comment) => comment.startsWith('/**'))
  return parseDoc(comments.at(-1) ?? '')
}

/** Text, and tags by name. Lines of a list stay lines. */
function parseDoc(comment) {
  const lines = comment
    .replace(/^\/\*\*|\*\/$/g, '')
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, '').trim())
  const [text, ...tagged] = lines.join('\n').split(/(?:^|\s)@(?=[a-z]+\b)/)
  const tags = Object.fromEntries(
    tagged.map((tag) => {
      const [, name, value] = /^(\w+)\s*(.*)$/s.exec(tag)
      return [name, joinLines(value)]
    }),
  )
  return { text: joinLines(text), tags }
}

const joinLines = (text) => text.trim().replace(/\n(?!- )/g, ' ')

/** An interface or function of a file, by name. */
export function findDeclaration(program, file, name) {
  return program.getSourceFile(`${source}/${file}`).statements.find((one) => one.name?.text === name)
}
