// The built chat's server in a process of its own, and the browser it is looked at with. Knows nothing of what a test looks for.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const built = join(root, 'examples/chat/dist')
export const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  existsSync,
)

/** As root, in a container, and quiet: nothing of the browser's own on the network. */
export const chromiumArguments = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Builds the chat unless that has been done. */
export function buildChat(): void {
  if (existsSync(join(built, 'server.js')) && existsSync(join(built, 'client/index.html'))) return
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const { status } = spawnSync('npx', ['--yes', packageManager, '--filter', 'chat', 'run', 'build'], {
    cwd: root,
    stdio: 'inherit',
    // Not vitest's "test": a page is built as it is shipped.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) throw new Error('the chat could not be built')
}

/** A server on a port it can come back to, with a folder for what was said. */
export class ChatServer {
  readonly port: number
  readonly #data: string
  #child: ChildProcess | undefined

  /** Takes a port below those that the system hands out: nobody gets it by chance while the server is down. */
  static async start(): Promise<ChatServer> {
    const data = await mkdtemp(join(tmpdir(), 'chat-'))
    for (let tries = 0; tries < 20; tries++) {
      const port = 20_000 + Math.floor(Math.random() * 10_000)
      const child = await run(port, data)
      if (child) return new ChatServer(port, data, child)
    }
    throw new Error('no port for the chat in 20 tries')
  }

  private constructor(port: number, data: string, child: ChildProcess) {
    this.port = port
    this.#data = data
    this.#child = child
  }

  async restart(): Promise<void> {
    this.#child = await run(this.port, this.#data)
    if (!this.#child) throw new Error(`port ${this.port} is taken`)
  }

  /** From now on it reads nothing and answers nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null
    const exit = once(child, 'exit')
    child.kill(signal)
    const [code] = await exit
    return code
  }

  /** Writes into the history of a server that is not running. */
  async remember(...messages: { from: string; text: string }[]): Promise<void> {
    const lines = messages.map((message, index) => {
      const at = new Date(Date.now() - messages.length + index)
      return `\n${JSON.stringify({ id: crypto.randomUUID(), room: 'lobby', ...message, at })}`
    })
    await appendFile(join(this.#data, 'messages.jsonl'), lines.join(''))
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL')
    await rm(this.#data, { recursive: true, force: true })
  }
}

/** Gives the process once it listens, or nothing when it can't. */
async function run(port: number, data: string): Promise<ChildProcess | undefined> {
  const child = spawn(process.execPath, [join(built, 'server.js')], {
    env: { ...process.env, PORT: String(port), CHAT_DATA: data },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const isUp = await Promise.race([once(child.stdout, 'data').then(() => true), once(child, 'exit').then(() => false)])
  return isUp ? child : undefined
}
