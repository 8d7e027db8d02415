// The chat of examples/chat as it is built, in Chromium: two people, a server that is killed under them, and a phone.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Locator, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = join(root, 'examples/chat/dist')
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const reason = executablePath ? '' : ' (skipped: no chromium here; get it with: sudo apt-get install chromium)'

/** As root, in a container, and quiet: nothing of the browser's own on the network. */
const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

beforeAll(() => {
  if (existsSync(join(built, 'server.js')) && existsSync(join(built, 'client/index.html'))) return
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const pnpm = ['--yes', packageManager, '--filter', 'chat', 'run', 'build']
  const { status } = spawnSync('npx', pnpm, {
    cwd: root,
    stdio: 'inherit',
    // Not vitest's "test": a page is built as it is shipped.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) throw new Error('the chat could not be built')
})

/** The chat's server in a process of its own, on a port it can come back to. */
class ChatServer {
  readonly port: number
  readonly #data: string
  #child: ChildProcess

  /** Takes a port below those that the system hands out: nobody gets it by chance while the server is down. */
  static async start(): Promise<ChatServer> {
    const data = await mkdtemp(join(tmpdir(), 'chat-'))
    for (let tries = 0; tries < 20; tries++) {
      const port = 20_000 + Math.floor(Math.random() * 10_000)
      const child = await run(port, data)
      if (child) return new ChatServer(port, data, child)
    }
    throw new Error('no port for the chat in 20 tries')
  }

  private constructor(port: number, data: string, child: ChildProcess) {
    this.port = port
    this.#data = data
    this.#child = child
  }

  async restart(): Promise<void> {
    const child = await run(this.port, this.#data)
    if (!child) throw new Error(`port ${this.port} is taken`)
    this.#child = child
  }

  /** From now on it reads nothing and answers nothing. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const { exitCode, signalCode } = this.#child
    if (exitCode !== null || signalCode !== null) return exitCode
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code] = await exit
    return code
  }

  /** Writes into the history of a server that is not running. */
  async remember(message: { from: string; text: string }): Promise<void> {
    const line = JSON.stringify({ id: crypto.randomUUID(), room: 'lobby', ...message, at: new Date() })
    await appendFile(join(this.#data, 'messages.jsonl'), `\n${line}`)
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL')
    await rm(this.#data, { recursive: true, force: true })
  }
}

/** Gives the process once it listens, or nothing when it can't. */
async function run(port: number, data: string): Promise<ChildProcess | undefined> {
  const child = spawn(process.execPath, [join(built, 'server.js')], {
    env: { ...process.env, PORT: String(port), CHAT_DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const isUp = await Promise.race([once(child.stdout, 'data').then(() => true), once(child, 'exit').then(() => false)])
  return isUp ? child : undefined
}

const log = (page: Page): Locator => page.getByRole('log')
const people = (page: Page): Locator => page.getByRole('region', { name: 'People' }).getByRole('listitem')
const lineIs = (page: Page, words: string): Promise<void> =>
  page.getByRole('status').getByText(words, { exact: true }).waitFor()

async function say(page: Page, text: string): Promise<void> {
  await page.getByRole('textbox').fill(text)
  await page.getByRole('textbox').press('Enter')
}

/** Every page shows it once; `waitFor` fails on a locator that finds two. */
async function seenOnce(pages: Page[], text: string): Promise<void> {
  await Promise.all(pages.map((page) => log(page).getByText(text, { exact: true }).waitFor()))
}

/** Everything said, in order. */
const said = (page: Page): Promise<string[]> => log(page).getByRole('paragraph').allTextContents()

/** Two browsers' worth of pages on a busy machine: each step has its own limit, so this one is only the last. */
const timeout = 60_000

describe.skipIf(!executablePath)(`the chat in a browser${reason}`, { timeout }, () => {
  let browser: Browser
  let server: ChatServer
  let errors: unknown[]

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: chromiumArguments })
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    errors = []
    server = await ChatServer.start()
  })
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await server.dispose()
    expect(errors).toEqual([])
  })

  async function open(name: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => errors.push(error))
    await page.goto(`http://localhost:${server.port}/?name=${name}`)
    return page
  }

  it('carries words both ways and shows who is here', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    for (const page of [ann, bob]) {
      await people(page).getByText('Ann', { exact: true }).waitFor()
      await people(page).getByText('Bob', { exact: true }).waitFor()
    }
    await say(ann, 'hello Bob')
    await seenOnce([ann, bob], 'hello Bob')
    await say(bob, 'hello Ann')
    await seenOnce([ann, bob], 'hello Ann')
    expect(await said(ann)).toEqual(await said(bob))

    await bob.close()
    await people(ann).getByText('Bob', { exact: true }).waitFor({ state: 'detached' })
    expect(await people(ann).count()).toBe(1)
  })

  it('keeps rooms apart, and the name for the next visit', async () => {
    const ann = await open('Ann')
    await say(ann, 'in the lobby')
    await seenOnce([ann], 'in the lobby')
    await ann.getByRole('link', { name: 'tea' }).click()
    await log(ann).getByText('Nobody has said anything yet.').waitFor()
    await ann.goto(`http://localhost:${server.port}/`)
    await people(ann).getByText('Ann', { exact: true }).waitFor()
    await seenOnce([ann], 'in the lobby')
  })

  it('goes on without a reload after the server was killed and started again', async () => {
    const pages = [await open('Ann'), await open('Bob')] as const
    const [ann, bob] = pages
    await say(ann, 'before, from Ann')
    await seenOnce([ann, bob], 'before, from Ann')
    await say(bob, 'before, from Bob')
    await seenOnce([ann, bob], 'before, from Bob')

    await server.end('SIGKILL')
    await Promise.all(pages.map((page) => lineIs(page, 'Offline')))
    await server.remember({ from: 'Cleo', text: 'said while you were away' })
    await say(ann, 'written while offline')
    await log(ann).getByText('sending …').waitFor()

    await server.restart()
    await Promise.all(pages.map((page) => lineIs(page, 'Connected')))
    await seenOnce([ann, bob], 'said while you were away')
    await seenOnce([ann, bob], 'written while offline')
    await say(bob, 'after, from Bob')
    await seenOnce([ann, bob], 'after, from Bob')
    await say(ann, 'after, from Ann')
    await seenOnce([ann, bob], 'after, from Ann')

    const everything = [
      'before, from Ann',
      'before, from Bob',
      'said while you were away',
      'written while offline',
      'after, from Bob',
      'after, from Ann',
    ]
    expect(await said(ann)).toEqual(everything)
    expect(await said(bob)).toEqual(everything)
    await people(ann).getByText('Bob', { exact: true }).waitFor()
  })

  it('says that nobody can tell whether a message has arrived, and sends it again on request', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await say(bob, 'still there?')
    await seenOnce([ann, bob], 'still there?')
    server.freeze()
    await say(ann, 'just about')
    await log(ann).getByText('sending …').waitFor()
    await server.end('SIGKILL')
    await lineIs(ann, 'Offline')

    await server.restart()
    await log(ann).getByText('The line broke: nobody can tell whether this has arrived.').waitFor()
    await log(ann).getByRole('button', { name: 'Send again' }).click()
    await seenOnce([ann, bob], 'just about')
    await log(ann).getByRole('button').first().waitFor({ state: 'detached' })
    expect(await said(ann)).toEqual(['still there?', 'just about'])
    expect(await said(bob)).toEqual(['still there?', 'just about'])
  })

  it('fits a phone: nothing to scroll sideways, and the composer in view', async () => {
    const viewport = { width: 390, height: 844 }
    const ann = await open('Ann-with-a-very-long-one', { viewport, isMobile: true, hasTouch: true })
    await say(ann, `https://example.com/${'a-long-address-without-a-space/'.repeat(10)}`)
    await say(ann, Array.from({ length: 60 }, (_, index) => `line ${index}`).join('\n'))
    await say(ann, 'the last word')
    await seenOnce([ann], 'the last word')
    const width = await ann.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBeLessThanOrEqual(viewport.width)
    for (const part of [ann.getByRole('textbox'), ann.getByRole('button', { name: 'Send' })]) {
      const box = await part.boundingBox()
      expect(box?.x).toBeGreaterThanOrEqual(0)
      expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(viewport.width)
      expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThanOrEqual(viewport.height)
    }
    await expect.poll(() => isInView(log(ann).getByText('the last word'), viewport.height)).toBe(true)
  })

  it('says why when the line is closed for good, and begins anew with another name', async () => {
    const page = await open('a-name-of-more-than-24-characters')
    await lineIs(page, 'Closed')
    await page.getByText('A name has 1 to 24 characters').waitFor()
    await page.getByRole('button', { name: 'Change name' }).click()
    await page.getByLabel('What shall we call you?').fill('Ann')
    await page.getByRole('button', { name: 'Come in' }).click()
    await lineIs(page, 'Connected')
    await people(page).getByText('Ann', { exact: true }).waitFor()
  })

  it('ends by itself when asked to, with people connected', async () => {
    const ann = await open('Ann')
    await lineIs(ann, 'Connected')
    expect(await server.end('SIGTERM')).toBe(0)
    await lineIs(ann, 'Offline')
  })
})

async function isInView(part: Locator, height: number): Promise<boolean> {
  const box = await part.boundingBox()
  return box !== null && box.y >= 0 && box.y + box.height <= height
}

describe('the built page', () => {
  const assets = join(built, 'client/assets')
  const scripts = (): string[] =>
    readdirSync(assets)
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(assets, name), 'utf8'))

  it('speaks the protocol', () => {
    expect(scripts().join('')).toContain('trunkline.v1')
  })

  it.each([
    ['zod', /ZodError|\b_zod\b|safeParse|~standard/],
    ['ws', /Sec-WebSocket|permessage-deflate/i],
    ['a module of Node', /["'`]node:/],
    ['server code', /memoryPublisher|messages\.jsonl/],
  ])('holds nothing of %s', (_name, marker) => {
    for (const script of scripts()) expect(script).not.toMatch(marker)
  })
})
