// The client on the web's WebSocket, where nobody says when something was sent, and timers of a hidden page hardly run.
import { router, upload } from 'trunkline'
import { createClient } from 'trunkline/client'
import { serve } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { z } from 'zod'

const contract = router({ put: upload({ send: z.instanceof(Uint8Array), output: z.number() }) })
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
