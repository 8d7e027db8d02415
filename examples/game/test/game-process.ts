// The built game's server in a process of its own. Knows nothing of what a test looks for.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const built = fileURLToPath(new URL('../dist', import.meta.url))
const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Builds the game unless that has been done. */
export function buildGame(): void {
  if (existsSync(`${built}/server.js`) && existsSync(`${built}/client/index.html`)) return
  const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))
  const { status } = spawnSync('npx', ['--yes', packageManager, '--filter', 'game', 'run', 'build'], {
    cwd: root,
    stdio: 'inherit',
    // Not vitest's "test": a page is built as it is shipped.
    env: { ...process.env, NODE_ENV: 'production' },
  })
  if (status !== 0) throw new Error('the game could not be built')
}

export class GameServer {
  readonly port: number
  readonly #child: ChildProcess

  static async start({ port = 0, bots = 0 } = {}): Promise<GameServer> {
    const child = spawn(process.execPath, [`${built}/server.js`], {
      env: { ...process.env, HOST: '127.0.0.1', PORT: String(port), GAME_BOTS: String(bots) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [hello] = await once(child.stdout, 'data')
    return new GameServer(Number(String(hello).match(/:(\d+)/)?.[1]), child)
  }

  private constructor(port: number, child: ChildProcess) {
    this.port = port
    this.#child = child
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/rpc`
  }

  /** Gives the exit code, null after a signal. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    const exit = once(this.#child, 'exit')
    this.#child.kill(signal)
    const [code] = await exit
    return code
  }
}
