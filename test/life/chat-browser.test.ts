// The chat of examples/chat as it is built, in Chromium: what is said between people, and a server that is killed under them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { lineIs, log, people, room, said, say, seenOnce, tick } from './chat-page.ts'
import { buildChat, built } from './chat-process.ts'
import { chatInBrowser, reason, timeout } from './chat-setup.ts'

describe.skipIf(reason)(`the chat in a browser${reason}`, { timeout }, () => {
  const chat = chatInBrowser()
  const { open } = chat

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
      await ann.goto(`http://localhost:${chat.server.port}/`)
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

    it('shows who types, in that room, until it is said or nothing more comes', async () => {
      const [ann, bob] = [await open('Ann', { prepare: (page) => page.clock.install() }), await open('Bob')]
      await lineIs(bob, 'Connected')
      await ann.getByRole('textbox').waitFor()
      // Nothing runs out by itself from here on, however long the steps take.
      await ann.clock.pauseAt(Date.now() + 5_000)
      await lineIs(ann, 'Connected')
      const typing = ann.getByText('Bob is typing …')
      await bob.getByRole('textbox').pressSequentially('well, ')
      await typing.waitFor()
      await room(ann, 'workshop').click()
      await typing.waitFor({ state: 'detached' })
      await room(ann, 'lobby').click()
      await typing.waitFor()
      await bob.getByRole('textbox').press('Enter')
      await seenOnce([ann], 'well,')
      await typing.waitFor({ state: 'detached' })

      await bob.getByRole('textbox').pressSequentially('and')
      await typing.waitFor()
      await ann.clock.runFor(6_000)
      await typing.waitFor({ state: 'detached' })
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
      await ann.goto(`http://localhost:${chat.server.port}/`)
      await room(ann, 'workshop 1 unread').waitFor()
    })
  })

  describe('the line', () => {
    it('goes on without a reload after the server was killed and started again', async () => {
      const pages = [await open('Ann'), await open('Bob')] as const
      const [ann, bob] = pages
      await say(ann, 'before, from Ann')
      await seenOnce([ann, bob], 'before, from Ann')
      await say(bob, 'before, from Bob')
      await seenOnce([ann, bob], 'before, from Bob')

      await chat.server.end('SIGKILL')
      await Promise.all(pages.map((page) => lineIs(page, 'Offline')))
      await ann.getByRole('heading', { name: 'Here before the break' }).waitFor()
      await chat.server.remember({ from: 'Cleo', text: 'said while you were away' })
      await say(ann, 'written while offline')
      await tick(ann, 'written while offline', 'Waiting for the line')

      await chat.server.restart()
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
      await chat.server.end('SIGKILL')
      await lineIs(ann, 'Offline')
      // From here on no timer of the page fires by itself: one try on the way, and then it stands.
      await ann.clock.pauseAt(Date.now() + 60_000)
      const countdown = ann.getByText(/^next try in [1-9]\d* s$/)
      await countdown.waitFor()
      await chat.server.restart()
      await ann.getByRole('button', { name: 'Try now' }).click()
      await lineIs(ann, 'Connected')
      await countdown.waitFor({ state: 'detached' })
    })

    it('says that nobody can tell whether a message has arrived, and sends it again on request', async () => {
      const [ann, bob] = [await open('Ann'), await open('Bob')]
      await say(bob, 'still there?')
      await seenOnce([ann, bob], 'still there?')
      chat.server.freeze()
      await say(ann, 'just about')
      await tick(ann, 'just about', 'Sent, not confirmed yet')
      await chat.server.end('SIGKILL')
      await lineIs(ann, 'Offline')

      await chat.server.restart()
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
      expect(await chat.server.end('SIGTERM')).toBe(0)
      await lineIs(ann, 'Offline')
    })
  })
})

describe('the built page', () => {
  beforeAll(buildChat)
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
