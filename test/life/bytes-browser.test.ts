// Every type that travels, between Chromium and Node, both ways.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'
import { type AttachedServer, attach } from 'trunkline/node'
import { implement } from 'trunkline/server'
import { build } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Seen } from './bytes-page.ts'
import { describe as contentOf, contract, samples, types } from './bytes-samples.ts'
import { chromiumArguments, executablePath } from './chat-process.ts'
import { reason, timeout } from './chat-setup.ts'

const app = implement(contract).handlers({
  give: ({ input }) => samples().get(input),
  take: ({ input }) => contentOf(input),
  echo: ({ input }) => input,
  all: async function* () {
    yield* samples()
  },
})

/** The page's script, as it would be shipped. */
async function bundle(): Promise<string> {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: {
      write: false,
      minify: true,
      lib: { entry: fileURLToPath(new URL('bytes-page.ts', import.meta.url)), formats: ['iife'], name: 'bytes' },
    },
  })
  const [output] = [built].flat() as unknown as { output: { code: string }[] }[]
  return output?.output[0]?.code ?? ''
}

describe.skipIf(reason)(`bytes in a browser${reason}`, { timeout }, () => {
  let browser: Browser
  const httpServer = createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>bytes</title>')
  })
  let server: AttachedServer
  let seen: Seen
  let expected: Record<string, string>
  const reports: unknown[] = []

  beforeAll(async () => {
    httpServer.listen(0, '127.0.0.1')
    await once(httpServer, 'listening')
    const { port } = httpServer.address() as AddressInfo
    server = attach(app, httpServer, { path: '/rpc', types, onError: ({ error }) => void reports.push(error) })
    browser = await chromium.launch({ executablePath: executablePath ?? '', args: chromiumArguments })
    const page = await browser.newPage()
    await page.goto(`http://127.0.0.1:${port}/`)
    await page.addScriptTag({ content: await bundle() })
    seen = await page.evaluate((url) => {
      return (globalThis as unknown as { run: (url: string) => Promise<Seen> }).run(url)
    }, `ws://127.0.0.1:${port}/rpc`)
    const entries = [...samples()].map(async ([name, value]) => [name, await contentOf(value)])
    expected = Object.fromEntries(await Promise.all(entries))
  }, timeout)

  afterAll(async () => {
    await browser?.close()
    await server?.close({ drainMs: 0 })
    httpServer.close()
  })

  it.each(['given', 'taken', 'echoed', 'items'] as const)('every type arrives as it was: %s', (way) => {
    expect(Object.keys(seen[way]).sort()).toEqual([...samples().keys()].sort())
    expect(seen[way]).toEqual(expected)
  })

  it('nothing was reported at the server', () => {
    expect(reports).toEqual([])
  })
})
