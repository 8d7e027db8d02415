// The chat of examples/chat as it is built, in Chromium: several people, a server that is killed under them, a phone, and keys alone.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { faintTexts, focused, isInView, lineIs, log, people, room, said, say, seenOnce, tick } from './chat-page.ts'
import { buildChat, built, ChatServer, chromiumArguments, executablePath } from './chat-process.ts'

const reason = executablePath ? '' : ' (skipped: no chromium here; get it with: sudo apt-get install chromium)'

beforeAll(buildChat)

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

  /** A page in a browser profile of its own, prepared before it goes to the chat. */
  async function open(
    name: string,
    { prepare, ...options }: BrowserContextOptions & { prepare?: (page: Page) => Promise<void> } = {},
  ): Promise<Page> {
    const context = await browser.newContext(options)
    const page = await context.newPage()
    page.setDefaultTimeout(15_000)
    page.on('pageerror', (error) => errors.push(error))
    await prepare?.(page)
    await page.goto(`http://localhost:${server.port}/?name=${name}`)
    return page
  }

  describe('what is said', () => {
    it('goes both ways, is ticked as delivered, and people are seen to come and go', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      for (const page of [ann, bob]) {
        await people(page).getByText('Ann', { exact: true }).waitFor()
        await people(page).getByText('Bob', { exact: true }).waitFor()
      }
      await say(ann, 'hello Bob')
      await seenOnce([ann, bob], 'hello Bob')
      await tick(ann, 'hello Bob', 'Delivered')
      await say(bob, 'hello Ann')
      await seenOnce([ann, bob], 'hello Ann')
      expect(await said(ann)).toEqual(await said(bob))
      expect(await log(bob).getByRole('img').count()).toBe(1)

      await bob.close()
      await people(ann).getByText('Bob', { exact: true }).waitFor({ state: 'detached' })
      expect(await people(ann).count()).toBe(1)
    })

    it('keeps rooms apart, and the name for the next visit', async () => {
      const ann = await open('Ann')
      await say(ann, 'in the lobby')
      await seenOnce([ann], 'in the lobby')
      await room(ann, 'lost-and-found').click()
      await log(ann).getByText('Nobody has said anything yet.').waitFor()
      await ann.goto(`http://localhost:${server.port}/`)
      await people(ann).getByText('Ann', { exact: true }).waitFor()
      await seenOnce([ann], 'in the lobby')
    })

    it('leaves a room to its writers', async () => {
      const [margit, bob] = [await open('Margit'), await open('Bob')]
      for (const page of [margit, bob]) await room(page, 'notices').click()
      await bob.getByText('Only the desk writes here.').waitFor()
      expect(await bob.getByRole('textbox').count()).toBe(0)
      await say(margit, 'the lift is out of order')
      await seenOnce([margit, bob], 'the lift is out of order')
    })

    it('shows who types, in that room, until it is said', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      await lineIs(bob, 'Connected')
      await ann.getByRole('textbox').waitFor()
      await bob.getByRole('textbox').pressSequentially('well, ')
      await ann.getByText('Bob is typing …').waitFor()
      await room(ann, 'workshop').click()
      await ann.getByText('Bob is typing …').waitFor({ state: 'detached' })
      await room(ann, 'lobby').click()
      await ann.getByText('Bob is typing …').waitFor()
      await bob.getByRole('textbox').press('Enter')
      await seenOnce([ann], 'well,')
      await ann.getByText('Bob is typing …').waitFor({ state: 'detached' })
      expect(await bob.getByText('is typing').count()).toBe(0)
    })

    it('is counted where it was not read, across a visit too', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      await ann.getByRole('textbox').waitFor()
      await room(bob, 'workshop').click()
      await say(bob, 'the first')
      await say(bob, 'the second')
      await room(ann, 'workshop 2 unread').waitFor()
      expect(await ann.title()).toBe('(2) lobby · Trunkline chat')

      await room(ann, 'workshop 2 unread').click()
      await room(ann, 'workshop').waitFor()
      expect(await log(ann).getByRole('listitem').allTextContents()).toEqual([
        expect.stringMatching(/^Today/),
        'New',
        expect.stringContaining('the first'),
        expect.stringContaining('the second'),
      ])
      await ann.goto('about:blank')
      await say(bob, 'the third')
      await tick(bob, 'the third', 'Delivered')
      await ann.goto(`http://localhost:${server.port}/`)
      await room(ann, 'workshop 1 unread').waitFor()
    })
  })

  it('loads earlier messages when scrolled up, and nothing moves under the reader', async () => {
    await server.end('SIGKILL')
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index}`)
    await server.remember(...texts.map((text) => ({ from: 'Cleo', text })))
    await server.restart()
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await seenOnce([ann, bob], 'message 99')
    expect(await said(ann)).toEqual(texts.slice(-30))

    // One turn: where it stands on being scrolled to, before anything can have come.
    const [list, reading] = [log(ann), log(ann).getByText('message 72', { exact: true })]
    const before = await reading.evaluate((message) => {
      const scroller = message.closest('.scroll')
      scroller?.scrollTo({ top: -scroller.scrollHeight })
      return message.getBoundingClientRect().y
    })
    await list.getByText('message 40', { exact: true }).waitFor()
    expect((await reading.boundingBox())?.y).toBeCloseTo(before, 0)

    await say(bob, 'a new one')
    await ann.getByRole('button', { name: '1 new' }).waitFor()
    expect((await reading.boundingBox())?.y).toBeCloseTo(before, 0)
    for (const first of ['message 10', 'message 0']) {
      await list.evaluate((element) => element.closest('.scroll')?.scrollTo({ top: -element.scrollHeight }))
      await list.getByText(first, { exact: true }).waitFor()
    }
    await ann.getByRole('button', { name: 'Earlier messages' }).waitFor({ state: 'detached' })
    expect(await said(ann)).toEqual([...texts, 'a new one'])

    await ann.keyboard.press('Escape')
    await ann.getByRole('button', { name: '1 new' }).waitFor({ state: 'detached' })
    expect(await focused(ann)).toBe('textarea Message to lobby')
  })

  describe('the line', () => {
    it('goes on without a reload after the server was killed and started again', async () => {
      const pages = [await open('Ann'), await open('Bob')] as const
      const [ann, bob] = pages
      await say(ann, 'before, from Ann')
      await seenOnce([ann, bob], 'before, from Ann')
      await say(bob, 'before, from Bob')
      await seenOnce([ann, bob], 'before, from Bob')

      await server.end('SIGKILL')
      await Promise.all(pages.map((page) => lineIs(page, 'Offline')))
      await ann.getByRole('heading', { name: 'Here before the break' }).waitFor()
      await server.remember({ from: 'Cleo', text: 'said while you were away' })
      await say(ann, 'written while offline')
      await tick(ann, 'written while offline', 'Waiting for the line')

      await server.restart()
      await Promise.all(pages.map((page) => lineIs(page, 'Connected')))
      await seenOnce([ann, bob], 'said while you were away')
      await seenOnce([ann, bob], 'written while offline')
      await tick(ann, 'written while offline', 'Delivered')
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

    it('counts down to the next try, and tries at once when told to', async () => {
      const ann = await open('Ann', { prepare: (page) => page.clock.install() })
      await lineIs(ann, 'Connected')
      await server.end('SIGKILL')
      await lineIs(ann, 'Offline')
      // From here on no timer of the page fires by itself: one try on the way, and then it stands.
      await ann.clock.pauseAt(Date.now() + 60_000)
      const countdown = ann.getByText(/^next try in [1-9]\d* s$/)
      await countdown.waitFor()
      await server.restart()
      await ann.getByRole('button', { name: 'Try now' }).click()
      await lineIs(ann, 'Connected')
      await countdown.waitFor({ state: 'detached' })
    })

    it('says that nobody can tell whether a message has arrived, and sends it again on request', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      await say(bob, 'still there?')
      await seenOnce([ann, bob], 'still there?')
      server.freeze()
      await say(ann, 'just about')
      await tick(ann, 'just about', 'Sent, not confirmed yet')
      await server.end('SIGKILL')
      await lineIs(ann, 'Offline')

      await server.restart()
      await log(ann).getByText('The line broke: nobody can tell whether this has arrived.').waitFor()
      await tick(ann, 'just about', 'Perhaps delivered')
      await log(ann).getByRole('button', { name: 'Send again' }).click()
      await tick(ann, 'just about', 'Delivered')
      await seenOnce([ann, bob], 'just about')
      expect(await said(ann)).toEqual(['still there?', 'just about'])
      expect(await said(bob)).toEqual(['still there?', 'just about'])
    })

    it('says why it is closed for good, and begins anew with another name', async () => {
      const page = await open('a-name-of-more-than-24-characters')
      await lineIs(page, 'Closed')
      await page.getByRole('alert').getByText('A name has 1 to 24 characters').waitFor()
      await page.getByRole('button', { name: 'Change name' }).click()
      await page.getByLabel('What shall we call you?').fill('Ann')
      await page.getByRole('button', { name: 'Come in' }).click()
      await lineIs(page, 'Connected')
      await people(page).getByText('Ann', { exact: true }).waitFor()
    })

    it('lets the server end by itself when asked to, with people connected', async () => {
      const ann = await open('Ann')
      await lineIs(ann, 'Connected')
      expect(await server.end('SIGTERM')).toBe(0)
      await lineIs(ann, 'Offline')
    })
  })

  describe('for every reader', () => {
    it('is light or dark as the system has it, until somebody chooses; each text can be read', async () => {
      const ann = await open('Ann', { colorScheme: 'dark' })
      const bob = await open('Bob', { colorScheme: 'light' })
      const background = (page: Page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
      await room(bob, 'workshop').click()
      await say(bob, 'unread')
      await say(ann, 'read')
      await room(ann, 'workshop 1 unread').waitFor()
      const [dark, light] = [await background(ann), await background(bob)]
      expect(dark).not.toBe(light)
      for (const page of [ann, bob]) expect(await faintTexts(page)).toEqual([])

      await ann.getByRole('button', { name: 'Dark theme', pressed: true }).click()
      expect(await background(ann)).toBe(light)
      await ann.reload()
      await ann.getByRole('button', { name: 'Dark theme', pressed: false }).waitFor()
      expect(await background(ann)).toBe(light)

      await server.end('SIGKILL')
      for (const page of [ann, bob]) {
        await lineIs(page, 'Offline')
        await say(page, 'waits')
        await tick(page, 'waits', 'Waiting for the line')
      }
      await bob.getByRole('button', { name: 'Dark theme', pressed: false }).click()
      for (const page of [ann, bob]) expect(await faintTexts(page)).toEqual([])
    })

    it('fits a phone: nothing to scroll sideways, the composer in view, rooms in a drawer', async () => {
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

      const menu = ann.getByRole('button', { name: 'Rooms and people' })
      expect(await room(ann, 'workshop').isVisible()).toBe(false)
      await menu.tap()
      await expect.poll(() => focused(ann)).toBe('button Close')
      await ann.keyboard.press('Escape')
      await room(ann, 'workshop').waitFor({ state: 'hidden' })
      await expect.poll(() => focused(ann)).toBe('button Rooms and people')
      await menu.tap()
      await room(ann, 'workshop').tap()
      await ann.getByRole('heading', { name: 'workshop', level: 1 }).waitFor()
      await room(ann, 'workshop').waitFor({ state: 'hidden' })
    })

    it('needs no mouse', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      await ann.getByRole('textbox').waitFor()
      const order: string[] = []
      for (let presses = 0; presses < 11; presses++) {
        await ann.keyboard.press('Tab')
        order.push(await focused(ann))
      }
      expect(order).toEqual([
        'button Skip to the message',
        expect.stringContaining('a #lobby'),
        expect.stringContaining('a #workshop'),
        expect.stringContaining('a #open-day'),
        expect.stringContaining('a notices'),
        expect.stringContaining('a #lost-and-found'),
        'button Dark theme',
        'button Keyboard shortcuts',
        'button Change name',
        'log Messages in lobby',
        'textarea Message to lobby',
      ])
      await ann.keyboard.type('one line')
      await ann.keyboard.press('Shift+Enter')
      await ann.keyboard.type('and another?')
      await ann.keyboard.press('Enter')
      await tick(ann, 'one line', 'Delivered')
      await seenOnce([ann, bob], 'one line and another?')
      expect(await said(bob)).toEqual(['one line\nand another?'])

      await ann.keyboard.press('Alt+ArrowDown')
      await ann.getByRole('log', { name: 'Messages in workshop' }).waitFor()
      await ann.keyboard.press('Alt+ArrowUp')
      await ann.getByRole('log', { name: 'Messages in lobby' }).waitFor()
      await ann.keyboard.press('Alt+ArrowUp')
      await ann.getByRole('log', { name: 'Messages in lost-and-found' }).waitFor()
      await ann.keyboard.press('?')
      await ann.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor()
      await ann.keyboard.press('Escape')
      await ann.getByRole('dialog').waitFor({ state: 'hidden' })
      await ann.keyboard.press('Escape')
      await expect.poll(() => focused(ann)).toBe('textarea Message to lost-and-found')
    })

    it('has a role and a name for everything, and stands still for those who want that', async () => {
      const [ann, bob] = [await open('Ann', { reducedMotion: 'reduce' }), await open('Bob')]
      await say(ann, 'hello')
      await tick(ann, 'hello', 'Delivered')
      await seenOnce([bob], 'hello')
      await bob.getByRole('textbox').pressSequentially('hm')
      await ann.getByText('Bob is typing …').waitFor()
      expect(await ann.evaluate(() => document.getAnimations().length)).toBe(0)
      expect(await bob.evaluate(() => document.documentElement.lang)).toBe('en')
      expect(await ann.locator('body').ariaSnapshot()).toMatch(
        new RegExp(
          [
            /- complementary "Rooms and people":/,
            /- navigation "Rooms":\n\s+- heading "Rooms" \[level=2\]\n\s+- list:/,
            /- link "lobby"/,
            /- region "People":\n\s+- heading "Here now · 2" \[level=2\]\n\s+- list:/,
            /- button "Dark theme"/,
            /- main:\n\s+- heading "lobby" \[level=1\]/,
            /- status: Connected/,
            /- log "Messages in lobby":/,
            /- text: "You:"\n\s+- paragraph: hello\n\s+- time: .+\n\s+- img "Delivered"/,
            /- textbox "Message to lobby"/,
            /- button "Send" \[disabled\]/,
          ]
            .map(({ source }) => source)
            .join('[^]*'),
        ),
      )
    })
  })
})

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
