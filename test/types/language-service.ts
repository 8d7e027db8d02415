// Asks TypeScript 6's language service, as an editor does, about source text as if it were files of this directory.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { readOptions } from './program.ts'

const here = dirname(fileURLToPath(import.meta.url))

export interface Editor {
  /** What the compiler says of all files. */
  problems(): string[]
  /** What is shown over the place that `mark` gives, on one line. */
  hover(mark: string): string
  /** Where "go to definition" leads: `contract.ts: post`. */
  definitions(mark: string): string[]
  /** All files after a rename. */
  rename(mark: string, name: string): Record<string, string>
}

/** A place is written as `file.ts: text`: where `text` first stands in that file; `text|more` points behind the bar. */
export function openEditor(files: Record<string, string>): Editor {
  const texts = new Map(Object.entries(files).map(([name, text]) => [join(here, name), text]))
  const options = readOptions()
  const read = (path: string): string | undefined => texts.get(path) ?? ts.sys.readFile(path)
  const service = ts.createLanguageService({
    ...ts.sys,
    getCompilationSettings: () => options,
    getScriptFileNames: () => [...texts.keys()],
    getScriptVersion: () => '1',
    getScriptSnapshot: (path) => {
      const text = read(path)
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text)
    },
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getCurrentDirectory: () => here,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    fileExists: (path) => texts.has(path) || ts.sys.fileExists(path),
    readFile: read,
  })
  const nameOf = (path: string): string => (texts.has(path) ? path.slice(here.length + 1) : path)
  return {
    problems: () =>
      [...texts.keys()].flatMap((path) =>
        service
          .getSemanticDiagnostics(path)
          .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
      ),
    hover(mark) {
      const info = service.getQuickInfoAtPosition(...find(texts, mark))
      return ts.displayPartsToString(info?.displayParts).replace(/\s+/g, ' ')
    },
    definitions(mark) {
      const found = service.getDefinitionAtPosition(...find(texts, mark)) ?? []
      return found.map(({ fileName, textSpan: { start, length } }) => {
        return `${nameOf(fileName)}: ${read(fileName)?.slice(start, start + length)}`
      })
    },
    rename(mark, name) {
      const found = service.findRenameLocations(...find(texts, mark), false, false, renamePreferences) ?? []
      return Object.fromEntries([...texts].map(([path, text]) => [nameOf(path), replace(text, path, found, name)]))
    },
  }
}

/** `{ post }` becomes `{ send: post }`: what editors ask for. */
const renamePreferences: ts.UserPreferences = { providePrefixAndSuffixTextForRename: true }

function find(texts: ReadonlyMap<string, string>, mark: string): [path: string, position: number] {
  const colon = mark.indexOf(': ')
  const path = join(here, mark.slice(0, colon))
  const [before = '', after] = mark.slice(colon + 2).split('|')
  const start = texts.get(path)?.indexOf(before + (after ?? '')) ?? -1
  if (start < 0) throw new Error(`no such place: ${mark}`)
  return [path, after === undefined ? start : start + before.length]
}

function replace(text: string, path: string, found: readonly ts.RenameLocation[], name: string): string {
  let changed = text
  const here = found.filter(({ fileName }) => fileName === path).sort((a, b) => b.textSpan.start - a.textSpan.start)
  for (const { textSpan, prefixText = '', suffixText = '' } of here) {
    const end = textSpan.start + textSpan.length
    changed = changed.slice(0, textSpan.start) + prefixText + name + suffixText + changed.slice(end)
  }
  return changed
}
