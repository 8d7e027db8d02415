// The client on the web's WebSocket, where nobody says when something was sent, and timers of a hidden page hardly run.
import { query, router, upload } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'

const contract = router({ put: upload({ send: z.instanceof(Uint8Array), output: z.number() }) })
const asking = router({ ask: query() })
const app = implement(contract).handlers({
  put: async ({ items }) => {
    let length = 0
    for await (const item of items) length += item.length
    return length
  },
})

/** What was sent counts as unsent until the next turn of the loop, as with a browser's network in a process of its own. */
class SlowlySending extends WebSocket {
  #unsent = 0

  constructor(url: string, protocol: string) {
    super(url, protocol)
    Object.defineProperty(this, 'bufferedAmount', { get: () => this.#unsent })
  }

  override send(data: string | Uint8Array): void {
    this.#unsent += data.length
    super.send(data)
    setImmediate(() => {
      this.#unsent = 0
    })
  }
}

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('an upload from a hidden page', () => {
  it.each([16, 128, 512])(
    'goes on with what the server acknowledges, in pieces of %i KiB, while no timer runs',
    async (kibibytes) => {
      const server = await serve(app, { host: '127.0.0.1' })
      vi.stubGlobal('document', {
        visibilityState: 'hidden',
        addEventListener: () => {},
        removeEventListener: () => {},
      })
      vi.useFakeTimers({ toFake: ['setTimeout', 'setInterval'] })
      const client = createClient<typeof contract>({ url: server.url, WebSocket: SlowlySending as never })
      const piece = new Uint8Array(kibibytes * 1024)
      const pieces = Array.from({ length: (8 * 1024) / kibibytes }, () => piece)
      expect(await client.api.put(undefined, { send: pieces })).toBe(8 * 1024 * 1024)
      vi.useRealTimers()
      await client.connection.close()
      await server.close({ drainMs: 0 })
    },
  )
})

describe('in a browser', () => {
  /** Calls made `depths` micro-tasks behind this one, and how many frames they went out in. */
  async function framesOf(depths: readonly number[]): Promise<number> {
    const sent: unknown[] = []
    class Silent {
      onopen?: () => void
      onmessage?: (event: { data: string }) => void
      onclose?: (event: { code: number; reason: string }) => void
      readonly bufferedAmount = 0
      constructor() {
        queueMicrotask(() => {
          this.onopen?.()
          this.onmessage?.({ data: '[1,{"connection":"c","session":"new"}]' })
        })
      }
      send(frame: unknown): void {
        sent.push(frame)
      }
      close(): void {
        this.onclose?.({ code: 1000, reason: '' })
      }
    }
    const { api, connection } = createClient<typeof asking>({ url: 'ws://a.test', WebSocket: Silent as never })
    await connection.connect()
    sent.length = 0
    const call = async (depth: number): Promise<void> => {
      for (let passed = 0; passed < depth; passed++) await undefined
      api.ask().catch(() => {})
    }
    await Promise.all(depths.map(call))
    for (let passed = 0; passed < 20; passed++) await undefined
    const frames = sent.length
    await connection.close()
    return frames
  }

  it.each([
    ['at once', [0, 0, 0, 0], 1],
    ['one micro-task behind another', [0, 1, 2], 1],
    ['after a pause, which nobody waits for', [0, 0, 5], 2],
    ['in more micro-tasks than a flush waits for', [0, 1, 2, 3, 4, 5, 6], 3],
  ])('calls made %s go out together', async (_when, depths, frames) => {
    expect(await framesOf(depths)).toBe(frames)
  })
})
