// Takes the pictures of the README from the built example: `npm start files` once, then `node examples/files/screenshots.mjs`.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { chromiumPaths, ensureChromium, root } from '../../scripts/setup.mjs'

if (!ensureChromium()) process.exit(1)
const images = `${root}docs/images`
const folder = await mkdtemp(join(tmpdir(), 'files-'))
const given = await mkdtemp(join(tmpdir(), 'given-'))

async function give(name, megabytes) {
  const path = join(given, name)
  await writeFile(path, Buffer.alloc(megabytes * 1_000_000, name))
  return path
}

const server = spawn(process.execPath, [fileURLToPath(new URL('dist/server.js', import.meta.url))], {
  env: { ...process.env, PORT: '0', FILES_DATA: join(folder, 'stored'), FILES_MAX_BYTES: '300000000' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const [hello] = await once(server.stdout, 'data')
const address = String(hello).match(/http:\S+/)?.[0]
const browser = await chromium.launch({
  executablePath: chromiumPaths.find(existsSync),
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
})

async function open(options) {
  const context = await browser.newContext({ locale: 'en-GB', deviceScaleFactor: 1.5, ...options })
  const page = await context.newPage()
  await page.goto(address)
  await page.getByRole('status').getByText('Connected').waitFor()
  return page
}

const choose = (page, ...paths) => page.getByLabel('Files', { exact: true }).setInputFiles(paths)
const shoot = (page, name) => page.screenshot({ path: `${images}/${name}.png`, animations: 'disabled' })

try {
  const dark = await open({ viewport: { width: 900, height: 700 }, colorScheme: 'dark' })
  await choose(dark, await give('Switchboard, 1958.tif', 24), await give('Opening hours.pdf', 1))
  await dark
    .getByRole('region', { name: 'At the server' })
    .getByText('Switchboard, 1958.tif', { exact: true })
    .waitFor()
  for (const name of ['Switchboard, 1958.tif', 'Opening hours.pdf'])
    await dark.getByRole('button', { name: `Dismiss ${name}` }).click()

  const light = await open({ viewport: { width: 900, height: 700 } })
  const phone = await open({ viewport: { width: 390, height: 780 }, isMobile: true, hasTouch: true })
  await choose(light, await give('Whole evening, uncut.mov', 301), await give('Leaflet.pdf', 2))
  await light.getByText('Uploaded, 2.0 MB').waitFor()
  for (const page of [phone, light, dark]) {
    await choose(page, await give('Guided tour.mp4', 290))
    const progress = page.getByRole('progressbar', { name: 'Upload of Guided tour.mp4' })
    await progress.waitFor()
    await page.waitForFunction(() => (document.querySelector('progress')?.position ?? 0) > 0.3)
    if (page === light) await shoot(light, 'files-light')
    if (page !== phone) continue
    await page.getByRole('button', { name: 'Pause Guided tour.mp4' }).click()
    await shoot(phone, 'files-phone')
  }
  const gone = once(server, 'exit')
  server.kill('SIGKILL')
  await gone
  await dark.getByText(/^Connection lost/).waitFor()
  await shoot(dark, 'files-dark')
} finally {
  await browser.close()
  server.kill('SIGKILL')
  for (const path of [folder, given]) await rm(path, { recursive: true, force: true })
}
