// The chat's page in Chromium for everybody who reads: scrolled up, in the dark, on a phone, without a mouse, and read aloud.
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { faintTexts, focused, isInView, lineIs, log, room, said, say, seenOnce, tick } from './chat-page.ts'
import { chatInBrowser, reason, timeout } from './chat-setup.ts'

describe.skipIf(reason)(`the chat for every reader${reason}`, { timeout }, () => {
  const chat = chatInBrowser()
  const { open } = chat

  it('loads earlier messages when scrolled up, and nothing moves under the reader', async () => {
    await chat.server.end('SIGKILL')
    const texts = Array.from({ length: 100 }, (_, index) => `message ${index}`)
    await chat.server.remember(...texts.map((text) => ({ from: 'Cleo', text })))
    await chat.server.restart()
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
    await ann.getByRole('textbox').waitFor()
    expect(await background(ann)).toBe(light)

    await chat.server.end('SIGKILL')
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
