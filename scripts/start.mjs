// `npm start`: installs what is missing, builds the chat of examples/chat, and serves it on http://localhost:3000 (or $PORT).
import { installPackages, pnpm } from './setup.mjs'

installPackages()
pnpm('--filter', 'chat', '--silent', 'run', 'build')
// In this very process, so that Ctrl-C and SIGTERM need no passing on: the server drains, and the process ends by itself.
await import('../examples/chat/dist/server.js')
