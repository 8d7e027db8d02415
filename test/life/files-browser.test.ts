// The files of examples/files as they are built, in Chromium, over a link that fails: what was sent is what is stored and fetched.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { faintTexts, focused } from './chat-page.ts'
import { reason, timeout } from './chat-setup.ts'
import { buildFiles, FilesInBrowser } from './files-process.ts'

const size = 20_000_000
const bytes = randomBytes(size)
const sha256 = createHash('sha256').update(bytes).digest('hex')

const row = (page: Page, name: string): Locator =>
  page.getByRole('region', { name: 'Your transfers' }).getByRole('listitem').filter({ hasText: name })
const stored = (page: Page, name: string): Locator =>
  page.getByRole('region', { name: 'At the server' }).getByRole('listitem').filter({ hasText: name })
const press = (page: Page, name: string): Promise<void> => page.getByRole('button', { name, exact: true }).click()

describe.skipIf(reason)(`files in a browser${reason}`, { timeout: timeout * 2 }, () => {
  let files: FilesInBrowser
  let folder: string
  let path: string

  beforeAll(async () => {
    buildFiles()
    folder = await mkdtemp(join(tmpdir(), 'given-'))
    path = join(folder, 'tour.mp4')
    await writeFile(path, bytes)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))
  beforeEach(async () => {
    files = await FilesInBrowser.start()
  })
  afterEach(async () => {
    await files.stop()
    expect(files.errors).toEqual([])
  })

  const choose = (page: Page, ...paths: string[]): Promise<void> =>
    page.getByLabel('Files', { exact: true }).setInputFiles(paths)

  /** Slow enough that there is a middle, and then in it. */
  async function toTheMiddle(page: Page, direction: 'up' | 'down' = 'up'): Promise<void> {
    const progress = row(page, 'tour.mp4').getByRole('progressbar')
    await expect
      .poll(() => progress.evaluate((bar) => (bar as HTMLProgressElement).position), { interval: 20, timeout: 30_000 })
      .toBeGreaterThan(0.3)
    expect(
      await row(page, 'tour.mp4')
        .getByText(direction === 'up' ? 'Uploaded' : 'Downloaded')
        .count(),
    ).toBe(0)
  }
  const slowly = (direction: 'up' | 'down'): void => files.link.throttle(6_000_000, direction)

  async function fetched(page: Page): Promise<Buffer> {
    const coming = page.waitForEvent('download')
    await press(page, 'Download tour.mp4')
    const download = await coming
    expect(download.suggestedFilename()).toBe('tour.mp4')
    return readFile(await download.path())
  }

  it('goes on where it was when the network is lost in the middle, there and back', async () => {
    const page = await files.open()
    slowly('up')
    await choose(page, path)
    await toTheMiddle(page)
    await page.context().setOffline(true)
    files.link.cut()
    await row(page, 'tour.mp4')
      .getByText(/^Connection lost, [1-9]\d? % stays: goes on by itself at \d+\.\d MB$/)
      .waitFor()
    await page.getByRole('status').getByText('Offline').waitFor()
    files.link.heal()
    await page.context().setOffline(false)
    await row(page, 'tour.mp4').getByText('Uploaded, 20.0 MB, the same at both ends').waitFor()
    await row(page, 'tour.mp4').getByText(`SHA-256 ${sha256}`).waitFor()
    await stored(page, 'tour.mp4').getByText(`SHA-256 ${sha256}`).waitFor()
    await press(page, 'Dismiss tour.mp4')

    slowly('down')
    const coming = fetched(page)
    await toTheMiddle(page, 'down')
    files.link.cut()
    await row(page, 'tour.mp4')
      .getByText(/^Connection lost/)
      .waitFor()
    files.link.heal()
    expect((await coming).equals(bytes)).toBe(true)
    await row(page, 'tour.mp4').getByText('Downloaded, 20.0 MB, the same at both ends').waitFor()
  })

  it('asks the server how much it has when that was killed and has started anew, and goes on there', async () => {
    const page = await files.open()
    slowly('up')
    await choose(page, path)
    await toTheMiddle(page)
    await files.killServer()
    await row(page, 'tour.mp4')
      .getByText(/^Connection lost/)
      .waitFor()
    const [part] = await readdir(files.folder)
    const before = await readFile(join(files.folder, String(part)))
    expect(before.length).toBeGreaterThan(1_000_000)
    await files.restartServer()
    const sent = files.link.connections.length
    await row(page, 'tour.mp4').getByText(`SHA-256 ${sha256}`).waitFor()
    expect(files.link.connections.length).toBeGreaterThanOrEqual(sent)
    expect((await fetched(page)).equals(bytes)).toBe(true)
  })

  it('is paused, goes on, and is cancelled without a trace', async () => {
    const page = await files.open()
    slowly('up')
    await choose(page, path)
    await toTheMiddle(page)
    await press(page, 'Pause tour.mp4')
    await row(page, 'tour.mp4')
      .getByText(/^Paused at [1-9]\d? %, /)
      .waitFor()
    await press(page, 'Go on with tour.mp4')
    await row(page, 'tour.mp4')
      .getByText(/^[1-9]\d? % of 20.0 MB/)
      .waitFor()
    await press(page, 'Cancel tour.mp4')
    await row(page, 'tour.mp4').waitFor({ state: 'detached' })
    files.link.heal()
    await expect.poll(() => readdir(files.folder), { timeout: 30_000 }).toEqual([])
  })

  it('takes many at once, three at a time, and shows them to everybody', async () => {
    const [page, other] = [await files.open(), await files.open()]
    const names = Array.from({ length: 8 }, (_, at) => `photo ${at}.jpg`)
    for (const name of names) await writeFile(join(folder, name), bytes.subarray(0, 300_000))
    await choose(page, ...names.map((name) => join(folder, name)))
    for (const name of names) {
      await stored(other, name).waitFor()
      await row(page, name).getByText('Uploaded, 300.0 kB').or(row(page, name).getByText('Uploaded, 300 kB')).waitFor()
    }
  })

  it('is deleted by two presses, with the keyboard alone', async () => {
    const page = await files.open()
    await choose(page, path)
    await stored(page, 'tour.mp4').waitFor()
    await page.getByRole('button', { name: 'Delete tour.mp4 …' }).press('Enter')
    expect(await focused(page)).toBe('button Delete tour.mp4 for everybody')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    expect(await focused(page)).toBe('button Delete tour.mp4 …')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Enter')
    await page.getByText('Nothing yet.').waitFor()
    expect(await readdir(files.folder)).toEqual([])
  })

  it.each([
    [{ hasTouch: true, isMobile: true }, 'Send files'],
    [{}, 'Drop files here'],
  ])('asks with %o for what can be done there: %s', async (options, words) => {
    const page = await files.open({ ...options, viewport: { width: 390, height: 844 } })
    await page.getByText(words).waitFor()
    expect(
      await page
        .getByText(/^(Send|Drop) files/)
        .and(page.locator(':visible'))
        .allInnerTexts(),
    ).toEqual([words])
  })

  it.each(['light', 'dark'] as const)('can be read in the %s, and fits a phone', async (colorScheme) => {
    const page = await files.open({ colorScheme, viewport: { width: 360, height: 740 } })
    slowly('up')
    await choose(page, path)
    await toTheMiddle(page)
    expect(await faintTexts(page)).toEqual([])
    files.link.cut()
    await row(page, 'tour.mp4')
      .getByText(/^Connection lost/)
      .waitFor()
    expect(await faintTexts(page)).toEqual([])
    files.link.heal()
    await stored(page, 'tour.mp4').waitFor()
    await page.getByRole('button', { name: 'Delete tour.mp4 …' }).click()
    expect(await faintTexts(page)).toEqual([])
    const width = await page.evaluate(() => document.documentElement.scrollWidth)
    expect(width).toBe(360)
  })
})
