// The built files example in a process of its own, behind a link that can fail, and pages of it in Chromium. Knows nothing of what a test looks for.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { createFaultProxy, type FaultProxy } from 'trunkline/testing'
import { chromiumArguments, executablePath } from './chat-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const built = join(root, 'examples/files/dist')

/** Builds the example unless that has been done. */
export function buildFiles(): void {
  if (existsSync(join(built, 'server.js')) && existsSync(join(built, 'client/index.html'))) return
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { status } = spawnSync('npx', ['--yes', packageManager, '--filter', 'files', 'run', 'build'], {
    cwd: root,
    stdio: 'inherit',
    // Not vitest's "test": a page is built as it is shipped.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) throw new Error('the files example could not be built')
}

export class FilesInBrowser {
  /** Errors that pages have thrown. */
  readonly errors: unknown[] = []
  readonly folder: string
  readonly link: FaultProxy
  readonly #browser: Browser
  readonly #port: number
  #server: ChildProcess

  static async start(): Promise<FilesInBrowser> {
    const folder = await mkdtemp(join(tmpdir(), 'files-'))
    const { server, port } = await run(folder, 0)
    const link = await createFaultProxy({ target: { port } })
    const browser = await chromium.launch({ executablePath: executablePath ?? '', args: chromiumArguments })
    return new FilesInBrowser(folder, link, browser, server, port)
  }

  private constructor(folder: string, link: FaultProxy, browser: Browser, server: ChildProcess, port: number) {
    this.folder = folder
    this.link = link
    this.#browser = browser
    this.#server = server
    this.#port = port
  }

  async open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext({ acceptDownloads: true, locale: 'en-GB', ...options })
    const page = await context.newPage()
    page.setDefaultTimeout(30_000)
    page.on('pageerror', (error) => this.errors.push(error))
    await page.goto(`http://localhost:${this.link.port}/`)
    return page
  }

  async killServer(): Promise<void> {
    const exit = once(this.#server, 'exit')
    this.#server.kill('SIGKILL')
    await exit
  }

  /** On its port and its folder. */
  async restartServer(): Promise<void> {
    this.#server = (await run(this.folder, this.#port)).server
  }

  async stop(): Promise<void> {
    await this.#browser.close()
    await this.link.close()
    if (this.#server.exitCode === null && this.#server.signalCode === null) await this.killServer()
    await rm(this.folder, { recursive: true, force: true })
  }
}

async function run(folder: string, port: number): Promise<{ server: ChildProcess; port: number }> {
  const server = spawn(process.execPath, [join(built, 'server.js')], {
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1', FILES_DATA: folder },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [hello] = await once(server.stdout, 'data')
  return { server, port: Number(String(hello).match(/:(\d+)\s*$/)?.[1]) }
}
