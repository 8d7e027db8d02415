// A browser for a file of tests, and for each test a server of the chat and pages in it. Knows nothing of what a test looks for.
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { buildChat, ChatServer, chromiumArguments, executablePath } from './chat-process.ts'

/** Why nothing can be tried in a browser here; empty when it can. */
export const reason = executablePath ? '' : ' (skipped: no chromium here; get it with: sudo apt-get install chromium)'

/** Two browsers' worth of pages on a busy machine: each step has its own limit, so this one is only the last. */
export const timeout = 60_000

export type OpenOptions = BrowserContextOptions & {
  /** Runs before the page goes to the chat. */
  readonly prepare?: (page: Page) => Promise<void>
}

export interface ChatInBrowser {
  /** This test's. */
  readonly server: ChatServer
  /** A page of somebody, in a browser profile of its own. */
  readonly open: (name: string, options?: OpenOptions) => Promise<Page>
}

/** Inside of `describe`: sets up and takes down. An error that a page throws fails its test. */
export function chatInBrowser(): ChatInBrowser {
  let browser: Browser
  let server: ChatServer
  let errors: unknown[]

  beforeAll(async () => {
    buildChat()
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

  return {
    get server() {
      return server
    },
    open: async (name, { prepare, ...options } = {}) => {
      const context = await browser.newContext(options)
      const page = await context.newPage()
      page.setDefaultTimeout(15_000)
      page.on('pageerror', (error) => errors.push(error))
      await prepare?.(page)
      await page.goto(`http://localhost:${server.port}/?name=${name}`)
      return page
    },
  }
}
