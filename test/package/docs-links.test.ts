// Links between the pages of the repository lead somewhere: to a file that is there, and to a heading that it has.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, it } from 'vitest'
import { root } from './docs-blocks.ts'

const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))

const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...markdown('docs'),
  'packages/trunkline/README.md',
  'test/wire/vectors/README.md',
]

/** Without code, in which brackets mean something else. */
const textOf = (page: string): string => readFileSync(join(root, page), 'utf8').replace(/^```.*?^```$/gms, '')

interface Link {
  readonly page: string
  readonly target: string
}

const links: Link[] = pages.flatMap((page) => {
  const text = textOf(page).replace(/`[^`\n]*`/g, 'code')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => ({ page, target }))
})

const isOutside = (target: string): boolean => /^[a-z]+:/.test(target)

/** As GitHub makes them: lower case, without punctuation, spaces as hyphens, a number behind the second of a name. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, heading = ''] of textOf(page).matchAll(/^#{1,6} (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-')
    let anchor = slug
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`
    anchors.add(anchor)
  }
  return anchors
}

const say = ({ page, target }: Link): string => `${page} → ${target}`

it('reads pages and links', () => {
  expect(pages).toEqual(
    expect.arrayContaining(['README.md', 'PROTOCOL.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/README.md']),
  )
  expect(links.length).toBeGreaterThan(40)
  expect(links.some(({ target }) => target.includes('#'))).toBe(true)
})

it('relative links lead to files', () => {
  const broken = links.filter(({ page, target }) => {
    const [path = ''] = target.split('#')
    return !isOutside(target) && path !== '' && !existsSync(join(root, dirname(page), path))
  })
  expect(broken.map(say)).toEqual([])
})

it('anchors lead to headings', () => {
  const broken = links.filter(({ page, target }) => {
    const [path = '', anchor] = target.split('#')
    if (isOutside(target) || anchor === undefined) return false
    const file = path === '' ? page : relative(root, join(root, dirname(page), path))
    return !file.endsWith('.md') || !existsSync(join(root, file)) || !anchorsOf(file).has(anchor)
  })
  expect(broken.map(say)).toEqual([])
})

it('links stay in the repository or are https', () => {
  const wrong = links.filter(({ page, target }) => {
    if (isOutside(target)) return !target.startsWith('https:')
    return relative(root, join(root, dirname(page), target)).startsWith('..')
  })
  expect(wrong.map(say)).toEqual([])
})

it('every page of the guide is in its index', () => {
  const listed = links.filter(({ page }) => page === 'docs/README.md').map(({ target }) => `docs/${target}`)
  expect(markdown('docs').filter((page) => page !== 'docs/README.md' && !listed.includes(page))).toEqual([])
})
