// README's first screen runs as it stands: its code blocks are taken out, type-checked and run against each other.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort, root } from './docs-blocks.ts'

// Inside the tree, so that `trunkline` and `zod` resolve as they do for everybody.
const folder = `${root}test/package/.readme`
const run = promisify(execFile)

let server: ChildProcess | undefined

beforeAll(async () => {
  const port = await freePort()
  mkdirSync(folder, { recursive: true })
  const readme = readFileSync(`${root}README.md`, 'utf8')
  const blocks = [...readme.matchAll(/```ts\n(\/\/ (\w+\.ts).*?)```/gs)]
  expect(blocks.map(([, , file]) => file)).toEqual(['contract.ts', 'server.ts', 'client.ts'])
  for (const [, code = '', file] of blocks) writeFileSync(`${folder}/${file}`, code.replaceAll('3000', String(port)))
  writeFileSync(`${folder}/package.json`, '{ "type": "module" }')
  writeFileSync(`${folder}/tsconfig.json`, '{ "extends": "../../../tsconfig.base.json", "include": ["*.ts"] }')
})

afterAll(async () => {
  if (server && server.exitCode === null) {
    server.kill()
    await once(server, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

test('the blocks compile under strict TypeScript', async () => {
  await run(process.execPath, [`${root}node_modules/typescript/bin/tsc`, '-p', folder])
})

test('the client prints what the README lets one expect', async () => {
  server = spawn(process.execPath, ['--import', 'tsx', 'server.ts'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [url] = await once(server.stdout as NodeJS.ReadableStream, 'data')
  expect(String(url)).toMatch(/^ws:\/\/localhost:\d+\/\n$/)
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'client.ts'], { cwd: folder })
  expect(stdout).toBe('ann: hi true\nclosed since 2026\n')
})
