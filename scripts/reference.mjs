// `npm run reference`: writes docs/reference.md from the source: options, what functions get, error codes, close codes.
// A new option of a listed type appears by itself, and so does a new exported type named …Options.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import {
  createProgram,
  docOf,
  exportedTypes,
  findDeclaration,
  findVariable,
  membersOf,
  nameOf,
  nestedOptions,
  where,
} from './docstrings.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
export const referencePath = `${root}docs/reference.md`

/** Tables of options: the type, what it is an option of, and the type whose options it repeats. */
const optionTables = [
  ['Procedures', 'ProcedureDefinition', '`query`, `mutation` and `subscription` take one object.'],
  ['Mutations', 'MutationDefinition', 'Besides those of every procedure:', 'ProcedureDefinition'],
  [
    'Server',
    'ServerOptions',
    '`createServer(app, options)`, `attach(app, httpServer, options)`, `serve(app, options)` and `createPair(app, options)` take these.',
  ],
  ['Attach', 'AttachOptions', '`attach` and `serve` of `trunkline/node` take besides:', 'ServerOptions'],
  ['Serve', 'ServeOptions', '`serve` takes besides:', 'AttachOptions'],
  ['Close', 'CloseOptions', '`server.close(options)`'],
  ['Publisher', 'MemoryPublisherOptions', '`memoryPublisher(options)`'],
  ['Publisher: subscribe', 'SubscribeFeedOptions', '`publisher.subscribe(topic, options)`'],
  ['Caller', 'CallerOptions', '`createCaller(app, options)`'],
  ['Client', 'ClientOptions', '`createClient<typeof router>(options)`'],
  ['Calls', 'CallOptions', '`api.path(input, options)`'],
  ['Subscriptions', 'SubscribeOptions', '`api.path(input, options)` of a subscription takes besides:', 'CallOptions'],
  ['Errors', 'RpcErrorOptions', '`new RpcError(code, options)`'],
  ['Fault proxy', 'FaultProxyOptions', '`createFaultProxy(options)` of `trunkline/testing`'],
  ['Fault proxy: cutAfter', 'CutOptions', '`connection.cutAfter(options)` and `proxy.cutAfter(options)`'],
  ['Chaos', 'ChaosOptions', '`createChaos(options)` of `trunkline/testing`'],
]

/** Tables of what functions are given and give. */
const objectTables = [
  ['HandlerArgument', 'The one argument of a handler.'],
  ['MiddlewareArgument', 'The one argument of a server middleware.'],
  ['AuthenticateArgument', 'The one argument of `authenticate`.'],
  ['UpgradeRequest', '`request` of `authenticate`.'],
  ['Identity', 'What `identify` returns.'],
  ['ErrorReport', 'The one argument of `onError`.'],
  ['Connection', '`connection` of a handler, and each of `server.connections`.'],
  ['NodeServer', 'What `serve` and `attach` return.'],
  ['Server', 'What `createServer` returns, for adapters.'],
  ['ServerStats', '`server.stats()`'],
  ['Publisher', 'What `memoryPublisher` returns.'],
  ['ClientConnection', '`connection` of a client.'],
  ['ConnectionState', '`connection.state`'],
  ['ConnectionEvents', 'Events of `connection.on(name, listener)`, and what the listener gets.'],
  ['ClientStats', '`connection.stats()`'],
  ['ClientMiddlewareArgument', 'The one argument of a client middleware.'],
  ['Subscription', 'What an awaited subscription gives.'],
  ['Gap', 'What `onGap` and the event `gap` get.'],
  ['RpcError', 'What a call rejects with.'],
  ['Pair', 'What `createPair` of `trunkline/testing` returns.'],
  ['PairLink', 'Each of `pair.links`.'],
  ['FaultProxy', 'What `createFaultProxy` of `trunkline/testing` resolves with.'],
  ['ProxyConnection', 'Each of `proxy.connections`.'],
  ['Chaos', 'What `createChaos` of `trunkline/testing` returns.'],
]

/** What lacks a docstring; the reference is not written then. */
const missing = []

// ── Rows ─────────────────────────────────────────────────────────────────────

/** Rows of options, nested ones as `keepAlive.intervalMs`. */
function optionRows(members, checker, prefix = '') {
  return members.filter(ts.isPropertySignature).flatMap((member) => {
    const name = prefix + nameOf(member)
    const nested = nestedOptions(member, checker)
    const inner = nested ? optionRows(membersOf(nested, checker), checker, `${name}.`) : []
    const { text } = docOf(member)
    return nested && !text ? inner : [optionRow(name, member), ...inner]
  })
}

function optionRow(name, member) {
  const { text, tags } = docOf(member)
  if (!text) missing.push(`${name}: ${where(member)}`)
  const preset = tags.default ? formatDefault(tags.default) : member.questionToken ? '' : 'required'
  return [code(name), code(typeOf(member)), preset, text]
}

function objectRow(member) {
  const { text, tags } = docOf(member)
  if (!text) missing.push(`${nameOf(member)}: ${where(member)}`)
  const isMethod = ts.isMethodSignature(member)
  const name = isMethod
    ? `${nameOf(member)}(${member.parameters.map((one) => one.name.getText() + (one.questionToken ? '?' : '')).join(', ')})`
    : nameOf(member)
  const gives = tags.returns ? ` Gives ${tags.returns}.` : ''
  const throws = tags.throws ? ` Throws ${tags.throws}.` : ''
  return [code(name), code(typeOf(member)), text + gives + throws]
}

/** A value in code, and its reason behind it; or words as they are. */
function formatDefault(text) {
  const [, value, rest] = /^([^,\s]+)(.*)$/s.exec(text)
  const isValue = rest === '' || rest.startsWith(',')
  return isValue && !value.includes('`') ? `${code(value)}${rest}` : text
}

/** Type parameters that say less than what they stand for. */
const standsFor = { Input: 'Schema', Output: 'Schema', Errors: 'Record<string, Schema>' }

function typeOf({ type }) {
  const text = type?.getText().replace(/\s+/g, ' ') ?? ''
  return standsFor[text] ?? text
}

// ── Codes ────────────────────────────────────────────────────────────────────

function errorRows(program) {
  const list = findVariable(program, 'protocol/error.ts', 'builtinCodes').expression
  return list.elements.map((element) => {
    const { text, tags } = docOf(element)
    if (!text || !tags.delivery || !tags.remedy)
      missing.push(`${element.text}: text, @delivery and @remedy: ${where(element)}`)
    return [code(element.text), text, tags.delivery, tags.remedy]
  })
}

/** What each kind of closing makes the client do, from the docstring of `kind`. */
function closingKinds(program) {
  const closing = findDeclaration(program, 'client/closing.ts', 'Closing')
  const kind = closing.members.find((member) => nameOf(member) === 'kind')
  return new Map([...docOf(kind).text.matchAll(/^- `(\w+)`: (.*)$/gm)].map(([, name, text]) => [name, text]))
}

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1)

function closeRows(program) {
  const kinds = closingKinds(program)
  const rows = findVariable(program, 'client/closing.ts', 'meanings').properties.flatMap((group) =>
    group.initializer.properties.map((property) => {
      const { text, tags } = docOf(property)
      const does = kinds.get(nameOf(group))
      if (!text || !does) missing.push(`${property.name.getText()}: ${where(property)}`)
      return [property.name.getText(), property.initializer.text, text, tags.client ?? capital(does ?? '')]
    }),
  )
  return rows.sort(([one], [other]) => one - other)
}

// ── Markdown ─────────────────────────────────────────────────────────────────

const code = (text) => (text ? `\`${text}\`` : '')
const cell = (text = '') => text.replaceAll('\n', ' ').replaceAll('|', '\\|')
const line = (cells) => `| ${cells.map(cell).join(' | ')} |`
const table = (head, rows) => [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n')

function optionSections(types, checker) {
  const listed = optionTables.map(([, name]) => types.get(name))
  const shown = new Set(listed.flatMap((type) => allMembersOf(type, checker)))
  // What nobody listed: options of something new.
  const more = [...types].filter(([name, type]) => {
    return /Options$/.test(name) && membersOf(type, checker).some((member) => !shown.has(member))
  })
  const tables = [...optionTables, ...more.map(([name, type]) => [name, name, docOf(type.declarations[0]).text])]
  return tables.map(([title, name, intro, base]) => {
    const known = new Set(base ? membersOf(types.get(base), checker).map(nameOf) : [])
    const members = membersOf(types.get(name), checker).filter((member) => !known.has(nameOf(member)))
    const rows = optionRows(members, checker)
    return `### ${title}\n\n${intro}\n\n${table(['option', 'type', 'default', 'what'], rows)}`
  })
}

/** With those of the options it nests. */
function allMembersOf(type, checker) {
  return membersOf(type, checker).flatMap((member) => {
    const nested = ts.isPropertySignature(member) ? nestedOptions(member, checker) : undefined
    return nested ? [member, ...allMembersOf(nested, checker)] : [member]
  })
}

function objectSections(types, checker) {
  return objectTables.map(([name, intro]) => {
    const own = membersOf(types.get(name), checker).filter(
      (member) => (ts.isPropertySignature(member) || ts.isMethodSignature(member)) && member.name,
    )
    return `### ${name}\n\n${intro}\n\n${table(['member', 'type', 'what'], own.map(objectRow))}`
  })
}

/**
 * The whole page.
 * @param change see `createProgram`
 * @throws Error naming what lacks a docstring
 */
export function makeReference(change) {
  missing.length = 0
  const program = createProgram(change)
  const checker = program.getTypeChecker()
  const types = exportedTypes(program, checker)
  const page = [
    '# Reference',
    'Made from the source by `npm run reference`; change the docstrings there. [Back to the guide](README.md).',
    'Durations end in `Ms`, sizes in `Bytes`. `_` in a number only separates its digits.',
    '## Options',
    ...optionSections(types, checker),
    '## Error codes',
    'What the framework itself raises; the others are those of your contract. `delivery` says whether the handler has run: see [errors](errors.md).',
    table(['code', 'when', '`delivery`', 'what to do'], errorRows(program)),
    '## Close codes',
    'Why a WebSocket was closed, and what the client then does. The words are those of `connection.state.reason`. See [connection](connection.md).',
    table(['code', 'in words', 'who, and when', 'the client'], closeRows(program)),
    docOf(findDeclaration(program, 'client/closing.ts', 'closingOf')).text,
    '## Objects',
    ...objectSections(types, checker),
  ].join('\n\n')
  if (missing.length > 0) throw new Error(`without a docstring:\n${missing.join('\n')}`)
  return `${page}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(referencePath, makeReference())
  const rows = readFileSync(referencePath, 'utf8')
    .split('\n')
    .filter((row) => row.startsWith('| `'))
  console.log(`docs/reference.md: ${rows.length} rows`)
}
