// The guide's TypeScript blocks: each names its file, and all of them compile, a project a page, in one program.
import { readFileSync } from 'node:fs'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blocks, removeProject, root, writeProject } from './docs-blocks.ts'

const typed = blocks.filter(({ language }) =>
  ['ts', 'tsx', 'js', 'jsx', 'mjs', 'javascript', 'typescript'].includes(language),
)
const names = [...new Set(typed.map(({ page }) => page))]

function readOptions(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}tsconfig.base.json`, ts.sys.readFile)
  const json = { ...config.compilerOptions, jsx: 'react-jsx', types: ['node', 'vite/client'] }
  return ts.convertCompilerOptionsFromJson(json, root).options
}

let folder = ''
let problems: string[] = []

beforeAll(() => {
  folder = writeProject('types', names)
  const files = typed.map(({ page, file }) => `${folder}/${page}/${file}`)
  const program = ts.createProgram(files, {
    ...readOptions(),
    typeRoots: [`${root}node_modules/@types`, `${folder}/node_modules`],
  })
  // Only the blocks: the sources they import are checked by `npm test` itself.
  const found = files.flatMap((path) => {
    const file = program.getSourceFile(path)
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)]
  })
  found.push(...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics())
  problems = found.map(({ file, start = 0, code, messageText }) => {
    const where = file
      ? `${file.fileName.split('/.docs/types/')[1]}:${file.getLineAndCharacterOfPosition(start).line + 1}`
      : ''
    return `${where} TS${code}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`
  })
})

afterAll(() => removeProject('types'))

describe('TypeScript blocks', () => {
  it('are there, on every page but the index and the reference', () => {
    const without = blocks.map(({ page }) => page).filter((page) => !names.includes(page))
    expect(without).toEqual([])
    expect(typed.length).toBeGreaterThan(30)
  })

  it('name their file in the first line, each once a page', () => {
    expect(typed.filter(({ file }) => !file).map(({ page, text }) => `${page}: ${text.split('\n')[0]}`)).toEqual([])
    const files = typed.map(({ page, file }) => `${page}/${file}`)
    expect(files.filter((file, index) => files.indexOf(file) !== index)).toEqual([])
  })

  it('end as their language says', () => {
    expect(
      typed.filter(({ language, file }) => !file?.endsWith(`.${language}`)).map(({ page, file }) => `${page}/${file}`),
    ).toEqual([])
  })

  it('compile under strict TypeScript', () => {
    expect([...new Set(problems)]).toEqual([])
  })

  it('import only what the repository installs, or each other', () => {
    const installed = ['package.json', 'examples/chat/package.json'].flatMap((path) => {
      const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}${path}`, 'utf8'))
      return Object.keys({ ...dependencies, ...devDependencies })
    })
    const imported = typed.flatMap(({ text }) =>
      [...text.matchAll(/from '([^'.][^']*)'/g)].map(([, name = '']) => name),
    )
    const packages = imported
      .filter((name) => !name.startsWith('node:'))
      .map((name) =>
        name
          .split('/')
          .slice(0, name.startsWith('@') ? 2 : 1)
          .join('/'),
      )
    expect([...new Set(packages)].filter((name) => !installed.includes(name))).toEqual([])
  })
})
