// The code blocks of the guide, and a folder with a project a page where they are files. Knows nothing of what they say.
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

export interface Block {
  /** `start` of docs/start.md */
  readonly page: string
  readonly language: string
  /** What its first line names: `src/App.tsx`. */
  readonly file: string | undefined
  readonly text: string
}

/** Not of docs/mistakes.md, which shows what doesn't work: mistakes.test.ts makes each. */
export const pages = readdirSync(`${root}docs`)
  .filter((name) => name.endsWith('.md') && name !== 'mistakes.md')
  .sort()

export const blocks: readonly Block[] = pages.flatMap((page) => {
  const text = readFileSync(`${root}docs/${page}`, 'utf8')
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language = '', block = '']) => {
    const file = /^(?:\/\/|<!--) ([\w./-]+\.\w+)(?: -->)?(?=\n|:)/.exec(block)?.[1]
    return { page: page.slice(0, -3), language, file, text: block }
  })
})

export const blocksOf = (page: string): readonly Block[] => blocks.filter((block) => block.page === page)

/**
 * Writes the files of pages into a folder of this name; each page has its own inside. Gives the folder.
 * @param change mends a text, for instance its port
 */
export function writeProject(name: string, names: readonly string[], change = (text: string) => text): string {
  const folder = `${root}test/package/.docs/${name}`
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  // The chat has React and Vite; everything else resolves from the repository, as for everybody in it.
  symlinkSync(`${root}examples/chat/node_modules`, `${folder}/node_modules`, 'dir')
  for (const page of names) {
    mkdirSync(`${folder}/${page}`)
    writeFileSync(`${folder}/${page}/package.json`, '{ "type": "module" }')
    for (const { file, text } of blocksOf(page)) {
      if (!file) continue
      mkdirSync(dirname(`${folder}/${page}/${file}`), { recursive: true })
      writeFileSync(`${folder}/${page}/${file}`, change(text))
    }
  }
  return folder
}

export function removeProject(name: string): void {
  rmSync(`${root}test/package/.docs/${name}`, { recursive: true, force: true })
}

export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => probe.once('listening', resolve))
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}
