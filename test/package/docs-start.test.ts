// docs/start.md, followed to the letter: its files, its scripts, its two processes, and the page in Chromium.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { blocksOf, freePort, removeProject, root, writeProject } from './docs-blocks.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const reason = executablePath ? '' : ' (skipped: no chromium here; get it with: sudo apt-get install chromium)'
const browserArguments = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking']

const commands = blocksOf('start')
  .filter(({ language }) => language === 'sh')
  .flatMap(({ text }) => text.trim().split('\n'))
const installed = commands.filter((line) => line.startsWith('npm install')).flatMap((line) => line.split(' ').slice(2))

let folder = ''
let serverPort = 0
const running = new Set<ChildProcess>()

/** Runs a script of the page's package.json, in a group of its own; resolves when it prints what is waited for. */
async function start(script: string, ready: RegExp, ...more: string[]): Promise<ChildProcess> {
  const child = spawn('npm', ['run', script, '--', ...more], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    // Where CI is set Vite colours the port it prints, in the middle of the address.
    env: { ...process.env, NO_COLOR: '1' },
  })
  running.add(child)
  let output = ''
  await new Promise<void>((resolve, reject) => {
    // Read to its end, so that nobody writes into a closed pipe.
    const read = (chunk: Buffer): void => {
      output += chunk
      if (ready.test(output)) resolve()
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.once('exit', () => reject(new Error(`npm run ${script} ended: ${output}`)))
  })
  return child
}

async function stop(child: ChildProcess): Promise<void> {
  if (!running.delete(child) || child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  // npm, its shell, the watcher and the server.
  process.kill(-(child.pid as number), 'SIGTERM')
  await exited
}

beforeAll(async () => {
  serverPort = await freePort()
  const project = writeProject('start', ['start'], (text) => text.replaceAll('3000', String(serverPort)))
  folder = `${project}/start`
  // The folder is empty when the page begins, and npm makes its package.json.
  rmSync(`${folder}/package.json`)
  for (const line of commands.filter((one) => /^npm (init|pkg)/.test(one)))
    execFileSync('sh', ['-c', line], { cwd: folder })
})

afterAll(async () => {
  for (const child of running) await stop(child)
  removeProject('start')
})

it('installs what the repository is tested with, and what the files import', () => {
  const known = ['package.json', 'examples/chat/package.json'].flatMap((path) => {
    const { dependencies, devDependencies } = JSON.parse(readFileSync(`${root}${path}`, 'utf8'))
    return Object.keys({ ...dependencies, ...devDependencies })
  })
  const names = installed.filter((name) => name !== '-D')
  expect(names.filter((name) => !known.includes(name))).toEqual([])
  const imported = blocksOf('start').flatMap(({ text }) =>
    [...text.matchAll(/from '([^'.][^']*)'/g)].map(([, name = '']) => name),
  )
  const packages = imported.map((name) =>
    name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/'),
  )
  expect(packages.filter((name) => !names.includes(name))).toEqual([])
})

it('runs only scripts that it has set', () => {
  const { scripts } = JSON.parse(readFileSync(`${folder}/package.json`, 'utf8'))
  const text = readFileSync(`${root}docs/start.md`, 'utf8')
  const run = [...text.matchAll(/npm run (\w+)/g)].map(([, name = '']) => name)
  expect([...new Set(run)].sort()).toEqual(['build', 'check', 'page', 'server'])
  expect(run.filter((name) => !(name in scripts))).toEqual([])
})

it('passes its own npm run check', () => {
  // In the repository `trunkline` is its source, which names its files with their endings; published it is not.
  execFileSync('npm', ['run', 'check', '--', '--allowImportingTsExtensions'], { cwd: folder })
})

it('builds a page without zod', () => {
  execFileSync('npm', ['run', 'build'], { cwd: folder, stdio: 'ignore' })
  const [script = ''] = readdirSync(`${folder}/dist/assets`)
  const text = readFileSync(`${folder}/dist/assets/${script}`, 'utf8')
  expect(text).toContain('trunkline.v1')
  expect(text).not.toMatch(/ZodError|invalid_type/)
})

describe.skipIf(!executablePath)(`in a browser${reason}`, () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await chromium.launch({ ...(executablePath ? { executablePath } : {}), args: browserArguments })
  })

  afterAll(() => browser?.close())

  const says = (page: Page, status: string, value: string): Promise<unknown> =>
    Promise.all([
      page.getByRole('status').getByText(status, { exact: true }).waitFor(),
      page.getByRole('button', { name: value, exact: true }).waitFor(),
    ])

  it('counts the clicks of two pages, and outlives its server', async () => {
    const server = await start('server', /listening on ws:/)
    const pagePort = await freePort()
    await start('page', /localhost:\d+/, '--port', String(pagePort), '--strictPort')
    const [one, two] = [await browser.newPage(), await browser.newPage()]
    for (const page of [one, two]) await page.goto(`http://localhost:${pagePort}`)
    await says(two, 'open', '0')
    await one.getByRole('button').click()
    await says(one, 'open', '1')
    await says(two, 'open', '1')
    await stop(server)
    await one.getByRole('status').getByText('open', { exact: true }).waitFor({ state: 'hidden' })
    await start('server', /listening on ws:/)
    await says(one, 'open', '0')
    await says(two, 'open', '0')
  })
})
