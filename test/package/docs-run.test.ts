// Blocks of the guide that say more than types can check: tests that pass, and servers that answer.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { createClient } from 'trunkline/client'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { blocksOf, freePort, removeProject, root, writeProject } from './docs-blocks.ts'

const run = promisify(execFile)
let server: ChildProcess | undefined

afterEach(async () => {
  if (server && server.exitCode === null && server.signalCode === null) {
    server.kill()
    await once(server, 'exit')
  }
})

afterAll(() => {
  removeProject('tests')
  removeProject('attach')
  removeProject('web')
})

it('the tests of docs/testing.md pass, but for the one that needs a DOM', async () => {
  const folder = writeProject('tests', ['testing'])
  // Else the repository's own configuration is found.
  writeFileSync(`${folder}/testing/vitest.config.mjs`, 'export default {}')
  const names = blocksOf('testing').flatMap(({ file }) => (file?.endsWith('.test.ts') ? [file] : []))
  expect(names).toEqual(['server.test.ts', 'links.test.ts', 'offline.test.ts', 'network.test.ts', 'chaos.test.ts'])
  const vitest = [
    `${root}node_modules/vitest/vitest.mjs`,
    'run',
    '--root',
    `${folder}/testing`,
    '--reporter=json',
    ...names,
  ]
  const { stdout } = await run(process.execPath, vitest, { cwd: `${folder}/testing` })
  expect(JSON.parse(stdout)).toMatchObject({ success: true, numPassedTests: 10 })
})

it('web.ts of docs/deployment.md answers with the page and with calls, on one port', async () => {
  const port = await freePort()
  const folder = `${writeProject('web', ['deployment'])}/deployment`
  mkdirSync(`${folder}/dist`)
  writeFileSync(`${folder}/dist/index.html`, '<title>Hello</title>')
  server = spawn(process.execPath, ['--import', 'tsx', 'web.ts'], {
    cwd: folder,
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  interface Contract {
    ping: { kind: 'query'; input: undefined; send: undefined; output: undefined; errors: object }
  }
  const { api, connection } = createClient<Contract>({ url: `ws://localhost:${port}/rpc` })
  await api.ping()
  expect(await (await fetch(`http://localhost:${port}/`)).text()).toContain('Hello')
  await connection.close()
  server.kill()
  expect(await once(server, 'exit')).toEqual([0, null])
})

describe('beside an HTTP framework', () => {
  it.each(['express.ts', 'fastify.ts', 'hono.ts'])('%s answers requests and calls', async (file) => {
    const port = await freePort()
    const folder = writeProject('attach', ['recipes'], (text) =>
      text.replaceAll('port: 3000', `port: ${port}`).replaceAll('(3000)', `(${port})`),
    )
    server = spawn(process.execPath, ['--import', 'tsx', file], {
      cwd: `${folder}/recipes`,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
    interface Contract {
      tasks: { list: { kind: 'query'; input: undefined; send: undefined; output: undefined; errors: object } }
    }
    const { api, connection } = createClient<Contract>({ url: `ws://localhost:${port}/rpc` })
    expect(await api.tasks.list()).toEqual([])
    expect(await (await fetch(`http://localhost:${port}/`)).text()).toBe('hello')
    await connection.close()
  })
})
