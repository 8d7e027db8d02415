// `npm run bench`: installs what is missing and hands over to test/bench/main.ts. Knows nothing of the benchmark.
import { execSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
if (!existsSync(new URL('../node_modules/.pnpm', import.meta.url))) {
  execSync('npx --yes pnpm@12.21.0 install --frozen-lockfile', { cwd: root, stdio: 'inherit' })
}

const { register } = await import('tsx/esm/api')
register()
const { main } = await import('../test/bench/main.ts')
process.exitCode = (await main(process.argv.slice(2))) ? 0 : 1
