// Takes the pictures of the README from the built chat: `npm start` once, then `node examples/chat/screenshots.mjs`.
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

const server = spawn(process.execPath, [fileURLToPath(new URL('dist/server.js', import.meta.url))], {
  env: { ...process.env, PORT: '0', CHAT_DATA: '' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [hello] = await once(server.stdout, 'data')
const address = String(hello).match(/http:\S+/)?.[0]

const browser = await chromium.launch({
  executablePath: chromiumPaths.find(existsSync),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
})

async function open(name, { room = 'lobby', ...options } = {}) {
  const context = await browser.newContext({ locale: 'en-GB', deviceScaleFactor: 1.5, ...options })
  const page = await context.newPage()
  await page.goto(`${address}/?name=${name}#${room}`)
  await page.getByRole('status').getByText('Connected').waitFor()
  return page
}

async function say(page, text) {
  await page.getByRole('textbox').fill(text)
  await page.getByRole('textbox').press('Enter')
  await page.getByRole('log').getByText(text).waitFor()
}

const shoot = (page, name) => page.screenshot({ path: `${folder}/${name}.png`, animations: 'disabled' })

const wide = { width: 1120, height: 640 }
const narrow = { viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true }

try {
  const sam = await open('Sam', { viewport: wide })
  const phone = await open('Owen', narrow)
  const dark = await open('Priya', { viewport: wide, colorScheme: 'dark' })
  const ines = await open('Ines', { room: 'workshop' })
  const tomasz = await open('Tomasz', { room: 'workshop' })
  const margit = await open('Margit', { room: 'open-day' })

  await say(sam, 'Then I only need somebody who explains the letters on the dial')
  await say(dark, 'I can do that until three. After that I am cake')
  await say(sam, 'Until three is perfect. Thank you!')
  await say(ines, 'Rack 2 is at 31 now, by the way. Still')
  await say(tomasz, 'Boring is good')
  await say(margit, '104 of 120 places now')
  for (const page of [sam, dark]) await page.getByRole('link', { name: 'workshop 2 unread' }).waitFor()
  await phone.getByRole('button', { name: /, \d unread/ }).waitFor()
  await ines.getByRole('link', { name: /^lobby/ }).click()
  await ines.getByRole('textbox').pressSequentially('I have the key to')
  for (const page of [sam, dark]) await page.getByText('Ines is typing').waitFor()
  await shoot(sam, 'chat-light')
  await shoot(dark, 'chat-dark')
  await shoot(phone, 'chat-phone')
  await phone.getByRole('button', { name: /^Rooms and people/ }).click()
  await phone.getByRole('navigation', { name: 'Rooms' }).waitFor()
  await phone.waitForFunction(() => document.getAnimations().length === 0)
  await shoot(phone, 'chat-phone-rooms')

  const gone = once(server, 'exit')
  server.kill('SIGKILL')
  await gone
  await sam.getByRole('status').getByText('Offline').waitFor()
  await say(sam, 'Kettle is on, by the way')
  await sam.getByText(/next try in [3-9] s/).waitFor({ timeout: 120_000 })
  await shoot(sam, 'chat-offline')
} finally {
  await browser.close()
  server.kill('SIGKILL')
}
