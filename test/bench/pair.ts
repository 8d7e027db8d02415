// main's hold on one contender's pair of processes for one row: starts it, lets it work, ends it. Knows no figures.
import { type ChildProcess, fork } from 'node:child_process'
import { nextMessage, patienceMs } from './child.ts'
import type { Go, Job, Measurement, Report } from './messages.ts'

export class Pair {
  readonly #client: ChildProcess

  constructor(clientProcess: string, job: Job, payloadBytes = 64) {
    // Both processes read it, and raw as it is.
    const env = { ...process.env, NODE_ENV: 'production', BENCH_PAYLOAD_BYTES: String(payloadBytes) }
    this.#client = fork(clientProcess, [JSON.stringify(job)], { execArgv: [], env })
  }

  /** Settles when the clients are connected to the server. */
  async ready(): Promise<void> {
    await this.#report(patienceMs)
  }

  async run(durationMs: number): Promise<Measurement> {
    this.#client.send({ durationMs } satisfies Go)
    const report = await this.#report(patienceMs + 4 * durationMs)
    if (report.type !== 'measured') throw new Error(`expected a measurement, got ${report.type}`)
    return report.measurement
  }

  stop(): void {
    this.#client.kill('SIGKILL') // the server's process, its child, sees the disconnect and ends
  }

  async #report(timeoutMs: number): Promise<Report> {
    const report = await nextMessage<Report>(this.#client, timeoutMs)
    if (report.type === 'failed') throw new Error(report.reason)
    return report
  }
}
