// The chat in Chromium while its network goes and comes, its page is frozen, and its server is drained and replaced:
// every message is there once, and the page says what is going on.
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { lineIs, log, said, say, seenOnce, tick } from './chat-page.ts'
import { chatInBrowser, reason, timeout } from './chat-setup.ts'

/** For a look at the page: `CHAT_SHOTS=folder`. */
async function shot(page: Page, name: string): Promise<void> {
  const folder = process.env.CHAT_SHOTS
  if (folder) await page.screenshot({ path: `${folder}/${name}.png` })
}

describe.skipIf(reason)(`the chat on a bad network${reason}`, { timeout: timeout * 2 }, () => {
  const chat = chatInBrowser()
  const { open } = chat

  it('goes on where it was when the network is switched off and on', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await say(ann, 'before')
    await seenOnce([ann, bob], 'before')

    await ann.context().setOffline(true)
    await say(ann, 'sent while off')
    await say(bob, 'said while Ann is off')
    await seenOnce([bob], 'said while Ann is off')
    await shot(ann, 'off')
    // Nobody tells the page: it has something unanswered, and finds out by itself.
    await lineIs(ann, 'Offline')
    await tick(ann, 'sent while off', 'Sent, not confirmed yet')
    await shot(ann, 'offline')
    await ann.context().setOffline(false)
    await tick(ann, 'sent while off', 'Delivered')
    await lineIs(ann, 'Connected')
    await seenOnce([ann, bob], 'said while Ann is off')
    await seenOnce([ann, bob], 'sent while off')
    expect((await said(ann)).sort()).toEqual(['before', 'said while Ann is off', 'sent while off'])
    expect(await said(bob)).toHaveLength(3)
    await shot(ann, 'online-again')
  })

  it('says that it is offline when the server can not be reached, keeps what is written, and says when it is back', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await say(ann, 'before')
    await seenOnce([ann, bob], 'before')
    await ann.context().setOffline(true)
    await chat.server.end('SIGKILL')
    await lineIs(ann, 'Offline')
    await say(ann, 'waits')
    await tick(ann, 'waits', 'Waiting for the line')
    await shot(ann, 'waiting')
    await chat.server.restart()
    await lineIs(bob, 'Connected')
    await say(bob, 'said meanwhile')
    await ann.context().setOffline(false)
    await lineIs(ann, 'Connected')
    await tick(ann, 'waits', 'Delivered')
    await seenOnce([ann, bob], 'waits')
    await seenOnce([ann, bob], 'said meanwhile')
    expect(await said(bob)).toEqual(await said(ann))
    expect(await said(ann)).toHaveLength(3)
  })

  it('misses nothing while its page is frozen', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await lineIs(ann, 'Connected')
    await say(ann, 'before')
    await seenOnce([ann, bob], 'before')
    const life = await ann.context().newCDPSession(ann)
    await life.send('Page.setWebLifecycleState', { state: 'frozen' })
    for (let at = 0; at < 20; at++) {
      await say(bob, `frozen ${at + 10}`)
      await tick(bob, `frozen ${at + 10}`, 'Delivered')
    }
    await life.send('Page.setWebLifecycleState', { state: 'active' })
    await seenOnce([ann, bob], 'frozen 29')
    await say(ann, 'thawed')
    await seenOnce([ann, bob], 'thawed')
    expect(await said(ann)).toEqual(['before', ...Array.from({ length: 20 }, (_, at) => `frozen ${at + 10}`), 'thawed'])
    expect(await said(bob)).toEqual(await said(ann))
    await shot(ann, 'thawed')
  })

  it('comes back from the back/forward cache, or anew, with everything said meanwhile', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await say(ann, 'before')
    await seenOnce([ann, bob], 'before')
    await ann.goto('about:blank')
    await say(bob, 'while Ann was elsewhere')
    await tick(bob, 'while Ann was elsewhere', 'Delivered')
    await ann.goBack()
    await lineIs(ann, 'Connected')
    await seenOnce([ann, bob], 'while Ann was elsewhere')
    await say(ann, 'back')
    await seenOnce([ann, bob], 'back')
    expect(await said(ann)).toEqual(['before', 'while Ann was elsewhere', 'back'])
  })

  it('loses and doubles nothing when the server is drained and replaced while people write', async () => {
    const [ann, bob] = [await open('Ann'), await open('Bob')]
    await lineIs(bob, 'Connected')
    const texts: string[] = []
    let isReplaced = false
    const writing = (async () => {
      for (let at = 0; at < 20 || !isReplaced; at++) {
        texts.push(`line ${at}`)
        await say(ann, `line ${at}`)
      }
    })()
    for (let round = 0; round < 2; round++) {
      await log(bob)
        .getByRole('paragraph')
        .nth(round * 5 + 2)
        .waitFor()
      expect(await chat.server.end('SIGTERM')).toBe(0)
      if (round === 0) await Promise.all([lineIs(ann, 'Offline'), shot(ann, 'drained')])
      await chat.server.restart()
      await lineIs(bob, 'Connected')
      await lineIs(ann, 'Connected')
    }
    isReplaced = true
    await writing
    const lastText = texts.at(-1) as string
    await tick(ann, lastText, 'Delivered')
    await seenOnce([ann, bob], lastText)
    await expect.poll(() => said(ann), { timeout: 30_000 }).toHaveLength(texts.length)
    await expect.poll(() => said(bob), { timeout: 30_000 }).toHaveLength(texts.length)
    expect((await said(ann)).toSorted()).toEqual(texts.toSorted())
    expect((await said(bob)).toSorted()).toEqual(texts.toSorted())
    expect(await log(ann).getByText('nobody can tell').count()).toBe(0)
    await shot(ann, 'replaced')
  })
})
