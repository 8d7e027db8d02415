// Compiles source text with the TypeScript 6 API, as if it were a file of this directory. For tests of what the compiler says.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const here = dirname(fileURLToPath(import.meta.url))

/** The repository's own options. */
export function readOptions(): ts.CompilerOptions {
  const path = join(here, '../../tsconfig.base.json')
  const { config, error } = ts.readConfigFile(path, ts.sys.readFile)
  if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'))
  return ts.convertCompilerOptionsFromJson(config.compilerOptions, join(here, '../..')).options
}

export interface Compiled {
  /** What the compiler says of all files given: `TS2741: Property 'list' is missing …`. */
  readonly messages: readonly string[]
  /** The same of one of them. */
  messagesOf(name: string): readonly string[]
  /** What the errors of one of them stand at: the source text that an editor underlines. */
  marksOf(name: string): readonly string[]
  /** Declarations, by the name of the file given. */
  readonly declarations: ReadonlyMap<string, string>
}

/** Compiles files by name, in `directory`; with `declarations` they are emitted, into memory. */
export function compile(
  files: Record<string, string>,
  { directory = here, declarations = false }: { directory?: string; declarations?: boolean } = {},
): Compiled {
  const emit = { declaration: true, emitDeclarationOnly: true, noEmit: false, outDir: join(directory, 'out') }
  const options: ts.CompilerOptions = { ...readOptions(), ...(declarations ? emit : {}) }
  if (declarations) delete options.allowImportingTsExtensions
  const texts = new Map(Object.entries(files).map(([name, text]) => [join(directory, name), text]))
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  host.fileExists = (path) => texts.has(path) || fileExists(path)
  host.readFile = (path) => texts.get(path) ?? readFile(path)
  const emitted = new Map<string, string>()
  host.writeFile = (path, text) => {
    emitted.set(path.slice(join(directory, 'out').length + 1), text)
  }
  const program = ts.createProgram([...texts.keys()], options, host)
  const found = [...texts.keys()].flatMap((path) => {
    const file = program.getSourceFile(path)
    const declared = declarations ? program.getDeclarationDiagnostics(file) : []
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file), ...declared]
  })
  if (declarations) found.push(...program.emit().diagnostics)
  const say = (diagnostics: ts.Diagnostic[]): string[] => [
    ...new Set(
      diagnostics.map(({ code, messageText }) => `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`),
    ),
  ]
  return {
    messages: say(found),
    messagesOf: (name) => say(found.filter(({ file }) => file?.fileName === join(directory, name))),
    marksOf: (name) =>
      found
        .filter(({ file }) => file?.fileName === join(directory, name))
        .map(({ file, start = 0, length = 0 }) => file?.text.slice(start, start + length) ?? ''),
    declarations: emitted,
  }
}
