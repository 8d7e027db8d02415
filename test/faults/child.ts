// Starts the server process of the faults and ends it; measures latency of calls at a fixed pace.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface ServerProcess {
  readonly url: string
  readonly process: ChildProcess
  stop(): Promise<void>
}

/** @param limits `limits`: those of `offences.ts`, which are lower than usual */
export async function startServer(limits = 'usual'): Promise<ServerProcess> {
  const child = fork(fileURLToPath(new URL('./server-process.ts', import.meta.url)), [limits], {
    execArgv: ['--import', 'tsx', '--expose-gc'],
  })
  const [url] = (await once(child, 'message')) as [string]
  return {
    url,
    process: child,
    async stop() {
      if (child.exitCode !== null) return
      child.send('stop')
      await once(child, 'exit')
    },
  }
}

/** Makes calls at a pace for so long, or while it is wanted, whether or not earlier ones are answered, and gives their latencies in ms, sorted. */
export async function pace(
  call: () => PromiseLike<unknown>,
  perSecond: number,
  forMs: number | (() => boolean),
): Promise<number[]> {
  const latencies: number[] = []
  const open: Promise<unknown>[] = []
  const start = performance.now()
  const one = async (): Promise<void> => {
    const at = performance.now()
    await call()
    latencies.push(performance.now() - at)
  }
  const goesOn = typeof forMs === 'number' ? () => performance.now() - start < forMs : forMs
  for (let made = 0; goesOn(); ) {
    const due = Math.floor(((performance.now() - start) / 1_000) * perSecond)
    while (made < due) {
      open.push(one())
      made++
    }
    await wait(1)
  }
  await Promise.all(open)
  return latencies.sort((a, b) => a - b)
}

export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}
