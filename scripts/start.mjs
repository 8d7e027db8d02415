// `npm start`: installs what is missing, builds an example, and serves it on http://localhost:3000 (or $PORT).
// The chat of examples/chat, unless it is told another: `npm start files`.
import { existsSync, readdirSync } from 'node:fs'
import { installPackages, pnpm, root } from './setup.mjs'

const [name = 'chat'] = process.argv.slice(2)
const known = readdirSync(`${root}examples`).filter((folder) => existsSync(`${root}examples/${folder}/server.ts`))
if (!known.includes(name)) {
  console.error(`There is no example "${name}". Try: ${known.map((one) => `npm start ${one}`).join(', ')}`)
  process.exit(1)
}

installPackages()
pnpm('--filter', name, '--silent', 'run', 'build')
// In this very process, so that Ctrl-C and SIGTERM need no passing on: the server drains, and the process ends by itself.
await import(`../examples/${name}/dist/server.js`)
