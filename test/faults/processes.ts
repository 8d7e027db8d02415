// Starts processes of the faults and talks with them: a question is a message, and so is its answer. Ends what it has started.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** A process that answers questions in order. */
export class Asked {
  readonly process: ChildProcess
  readonly #waiting: ((answer: never) => void)[] = []

  constructor(file: string, parameters: readonly string[] = [], execArgv: readonly string[] = []) {
    this.process = fork(fileURLToPath(new URL(file, import.meta.url)), parameters, {
      execArgv: ['--import', 'tsx', ...execArgv],
    })
    this.process.on('message', (answer) => this.#waiting.shift()?.(answer as never))
  }

  /** What it says next. */
  answer<Answer>(): Promise<Answer> {
    const { process } = this
    return new Promise((resolve, reject) => {
      const gone = (code: number | null): void => reject(new Error(`the process has ended (${code})`))
      this.#waiting.push((answer) => {
        process.off('exit', gone)
        resolve(answer)
      })
      process.once('exit', gone)
    })
  }

  ask<Answer>(question: object): Promise<Answer> {
    const answer = this.answer<Answer>()
    this.process.send(question)
    return answer
  }

  /** Resolves with its exit code; null when the signal has ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const { process } = this
    if (process.exitCode !== null || process.signalCode !== null) return process.exitCode
    const exit = once(process, 'exit')
    process.kill(signal)
    const [code] = await exit
    return code
  }
}

/** A server with a ledger in a file, on a port that it comes back to. */
export class LedgerServer {
  port = 0
  #asked: Asked | undefined
  readonly #folder: string

  static async start(): Promise<LedgerServer> {
    const server = new LedgerServer(await mkdtemp(join(tmpdir(), 'ledger-')))
    await server.start()
    return server
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/`
  }

  async start(): Promise<void> {
    this.#asked = new Asked('./ledger-process.ts', [join(this.#folder, 'acts'), String(this.port)], ['--expose-gc'])
    this.port = await this.#asked.answer<number>()
  }

  ask<Answer>(question: object): Promise<Answer> {
    if (!this.#asked) throw new Error('no server runs')
    return this.#asked.ask(question)
  }

  end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    return this.#asked?.end(signal) ?? Promise.resolve(null)
  }

  /** The acts in the server's own file, in order. */
  async acts(): Promise<number[]> {
    const text = await readFile(join(this.#folder, 'acts'), 'utf8')
    return text.split('\n').filter(Boolean).map(Number)
  }

  async dispose(): Promise<void> {
    await this.end('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}
