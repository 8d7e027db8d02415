// The game as it is built, in Chromium: two people who see each other fly, a page on a slow line, a break, a server that is started again, a phone.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { createFaultProxy, type FaultProxy } from 'trunkline/testing'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Game } from '../src/game.ts'
import { buildGame, GameServer } from './game-process.ts'

/** What the page puts there for the console. */
declare const game: Game

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const reason = executablePath ? '' : ' (skipped: no chromium here; get it with: sudo apt-get install chromium)'
/** Small: without a graphics card each pixel is the processor's. */
const small = { viewport: { width: 400, height: 300 } }

let browser: Browser
let server: GameServer
let proxy: FaultProxy
let errors: unknown[]

/** A page of somebody who flies, on a line that can be disturbed where a proxy is named. */
async function open(name: string, options: BrowserContextOptions & { through?: FaultProxy } = {}): Promise<Page> {
  const { through, ...context } = options
  const page = await (await browser.newContext({ ...small, ...context })).newPage()
  page.setDefaultTimeout(20_000)
  page.on('pageerror', (error) => errors.push(error))
  await page.goto(`http://127.0.0.1:${through?.port ?? server.port}/?name=${name}&hue=160`)
  await page.waitForFunction(() => 'game' in globalThis && game.me !== undefined)
  return page
}

const tickOf = (page: Page): Promise<number> => page.evaluate(() => game.tick)
const shipOf = (page: Page): Promise<number> => page.evaluate(() => game.ship)

/** Where this page draws that ship, once it does: others, and one that is new, are drawn a moment late. */
async function place(page: Page, ship: number): Promise<{ x: number; y: number }> {
  const drawn = await page.waitForFunction(
    (ship) => game.scene(performance.now()).ships.find(({ id }) => id === ship),
    ship,
  )
  return (await drawn.jsonValue()) as { x: number; y: number }
}

/** Waits until this page has seen the ship somewhere else. */
async function seesMoving(page: Page, ship: number): Promise<void> {
  const from = await place(page, ship)
  await page.waitForFunction(
    ({ ship, from }) => {
      const now = game.scene(performance.now()).ships.find(({ id }) => id === ship)
      return now && Math.hypot(now.x - from.x, now.y - from.y) > 40
    },
    { ship, from },
  )
}

describe.skipIf(reason)(`the game in a browser${reason}`, { timeout: 90_000 }, () => {
  beforeAll(async () => {
    buildGame()
    browser = await chromium.launch({
      executablePath: executablePath ?? '',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    })
  })
  afterAll(() => browser?.close())

  beforeEach(async () => {
    errors = []
    server = await GameServer.start()
    proxy = await createFaultProxy({ target: server.url })
  })
  afterEach(async () => {
    await Promise.all(browser.contexts().map((context) => context.close()))
    await proxy.close()
    await server.end('SIGKILL')
    expect(errors).toEqual([])
  })

  it('shows two people each the other flying, by name', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    for (const [flying, watching] of [
      [ann, bob],
      [bob, ann],
    ] as const) {
      const ship = await shipOf(flying)
      await flying.keyboard.down('ArrowLeft')
      await flying.keyboard.down('ArrowUp')
      await Promise.all([seesMoving(watching, ship), seesMoving(flying, ship)])
      await flying.keyboard.up('ArrowLeft')
      await flying.keyboard.up('ArrowUp')
    }
    for (const page of [ann, bob])
      expect((await page.getByRole('list', { name: 'Scores' }).getByRole('listitem').allTextContents()).sort()).toEqual(
        ['Ann0', 'Bob0'],
      )
    await ann.waitForFunction(() => game.roundTripMs !== undefined)
  })

  it('shows the newest state on a slow line, and slows nobody', async () => {
    const [slow, quick] = [await open('Ann', { through: proxy }), await open('Bob')]
    const before = await quick.evaluate(() => game.states)
    const skippedBefore = await slow.evaluate(() => game.skipped)
    proxy.throttle(2_000, 'down')
    await slow.waitForFunction((before) => game.skipped > before + 250, skippedBefore)
    const ages = []
    for (let look = 0; look < 10; look++) {
      await slow.waitForFunction((tick) => game.tick > tick, await tickOf(slow))
      ages.push((await tickOf(quick)) - (await tickOf(slow)))
    }
    const skipped = (await slow.evaluate(() => game.skipped)) - skippedBefore
    const states = (await quick.evaluate(() => game.states)) - before
    console.log(
      `slow page: ${skipped} states skipped, ${Math.max(...ages)} ticks old at most; quick page: ${states} states`,
    )
    // Had states waited in a queue, the last would be as old as all that was left out.
    expect(Math.max(...ages)).toBeLessThan(skipped / 2)
    expect(states).toBeGreaterThan(skipped / 2)

    proxy.heal()
    await slow.waitForFunction((tick) => game.tick > tick, await tickOf(quick))
  })

  it('keeps the ship through a break, says what is wrong, and goes on in it', async () => {
    const [ann, bob] = [await open('Ann', { through: proxy }), await open('Bob')]
    const ship = await shipOf(ann)
    proxy.isReachable = false
    proxy.cut()
    await ann.getByRole('status').getByText('The line is down').waitFor()
    await bob.waitForFunction((ship) => game.scene(performance.now()).ships.find(({ id }) => id === ship)?.isAway, ship)
    await ann.getByRole('button', { name: 'Try now' }).click()
    proxy.isReachable = true
    // As when the network is back; by then the line may have come back by itself.
    await ann.evaluate(() => dispatchEvent(new Event('online')))
    await ann.getByRole('status').waitFor({ state: 'hidden' })
    expect(await shipOf(ann)).toBe(ship)
    await ann.keyboard.down('KeyA')
    await ann.keyboard.down('KeyW')
    await seesMoving(bob, ship)
  })

  it('flies on with a new ship when the server was started again', async () => {
    const ann = await open('Ann')
    const { port } = server
    await server.end('SIGKILL')
    await ann.getByRole('status').getByText('The line is down').waitFor()
    server = await GameServer.start({ port })
    await ann.getByRole('status').waitFor({ state: 'hidden' })
    await ann.waitForFunction(() => game.me?.shield)
    await ann.keyboard.down('KeyA')
    await ann.keyboard.down('KeyW')
    await seesMoving(ann, await shipOf(ann))
  })

  it('is flown by thumbs on a phone', async () => {
    const phone = await open('Ann', { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true })
    const ship = await shipOf(phone)
    const stick = await phone.locator('#stick').boundingBox()
    const trigger = await phone.locator('#trigger').boundingBox()
    if (!stick || !trigger) throw new Error('there is nothing to touch')
    const touch = await phone.context().newCDPSession(phone)
    await touch.send('Input.dispatchTouchEvent', {
      type: 'touchStart',
      touchPoints: [
        { x: stick.x + 26, y: stick.y + 26, id: 1 },
        { x: trigger.x + 40, y: trigger.y + 40, id: 2 },
      ],
    })
    await seesMoving(phone, ship)
    await phone.waitForFunction(() => game.scene(performance.now()).shots.length > 0)
  })
})

describe('the built page', () => {
  beforeAll(buildGame)

  it.each([
    ['zod', /ZodError|\b_zod\b|safeParse|~standard/],
    ['server code', /memoryPublisher|mulberry|Nashira/],
    ['a module of Node', /["'`]node:/],
  ])('holds nothing of %s', (_name, marker) => {
    const assets = new URL('../dist/client/assets/', import.meta.url)
    const scripts = readdirSync(assets).filter((name) => name.endsWith('.js'))
    expect(scripts.length).toBeGreaterThan(0)
    for (const name of scripts) expect(readFileSync(new URL(name, assets), 'utf8')).not.toMatch(marker)
  })
})
