// Takes the pictures of the README from the built game: `npm start game` once, then `node examples/game/screenshots.mjs`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { chromiumPaths, ensureChromium, root } from '../../scripts/setup.mjs'

if (!ensureChromium()) process.exit(1)
const folder = `${root}docs/images`
await mkdir(folder, { recursive: true })
const here = (name) => fileURLToPath(new URL(name, import.meta.url))

const server = spawn(process.execPath, [here('dist/server.js')], {
  env: { ...process.env, PORT: '0', GAME_BOTS: '0' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [hello] = await once(server.stdout, 'data')
const address = String(hello).match(/http:\S+/)?.[0]
const crowd = spawn(
  process.execPath,
  ['--import', 'tsx', here('headless.ts'), `${address.replace('http', 'ws')}/rpc`, '50'],
  {
    cwd: here('.'),
    stdio: ['ignore', 'inherit', 'inherit'],
  },
)

const browser = await chromium.launch({
  executablePath: chromiumPaths.find(existsSync),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
})

async function open(name, hue, options) {
  const context = await browser.newContext({ locale: 'en-GB', ...options })
  const page = await context.newPage()
  page.on('pageerror', (error) => console.error(error))
  await page.goto(`${address}/?name=${name}&hue=${hue}`)
  await page.waitForFunction(() => globalThis.game?.ship > 0 && globalThis.game.states > 60)
  return page
}

const shoot = (page, name) => page.screenshot({ path: `${folder}/${name}.png` })

/** Flies about and shoots until there is a fight around the ship. */
async function fight(page, rounds) {
  await page.keyboard.down('Space')
  for (let round = 0; round < rounds; round++) {
    const key = ['KeyD', 'KeyS', 'KeyA', 'KeyW'][round % 4]
    await page.keyboard.down(key)
    await page.waitForTimeout(700)
    await page.keyboard.up(key)
  }
}

try {
  const ann = await open('Ann', 162, { viewport: { width: 1120, height: 640 } })
  const bob = await open('Bob', 42, {
    viewport: { width: 390, height: 780 },
    deviceScaleFactor: 1.5,
    isMobile: true,
    hasTouch: true,
  })
  await Promise.all([fight(ann, 10), fight(bob, 10)])
  await ann.waitForFunction(() => globalThis.game.me?.shield === 3)
  await shoot(ann, 'game-desk')
  await bob.waitForFunction(() => globalThis.game.me?.shield === 3)
  await shoot(bob, 'game-phone')
} finally {
  await browser.close()
  crowd.kill('SIGKILL')
  server.kill('SIGKILL')
}
