// How a server goes: tells everybody, lets running calls finish and streams move, and closes what is left, spread over time.
// Does not know frames or sessions.
import { closeCode } from '../protocol/close.ts'

interface Drained {
  /** Over how long clients spread their return, in ms. */
  readonly spreadMs: number
  /** Of clients that are here: who is lost can't come back to a server that takes nobody. */
  load(): { readonly calls: number; readonly streams: number }
}

interface Leaving {
  sendGoaway(drainMs: number, spreadMs: number): void
  close(code: number, reason: string): void
}

/** What a client needs to find another server and open its streams there, beside its part of the spread. */
const moveMs = 500

/** Often enough that nobody waits for the next look, and rare enough that counting costs nothing. */
const stepMs = 20

/** Resolves when every connection is closed from this side. */
export async function drain(server: Drained, connections: Iterable<Leaving>, drainMs: number): Promise<void> {
  const until = performance.now() + drainMs
  const { spreadMs } = server
  for (const connection of connections) connection.sendGoaway(drainMs, spreadMs)
  await waitWhile(() => server.load().calls > 0, until)
  // Who has another server to go to takes its streams there; who hasn't is not waited for.
  await waitWhile(() => server.load().streams > 0, Math.min(until, performance.now() + spreadMs + moveMs))
  await closeAll([...connections], Math.min(spreadMs, until - performance.now()))
}

/** Closes evenly over this long: so do the clients come back. */
async function closeAll(left: readonly Leaving[], overMs: number): Promise<void> {
  const steps = Math.max(1, Math.floor(overMs / stepMs))
  const size = Math.ceil(left.length / steps)
  for (let from = 0; from < left.length; from += size) {
    if (from > 0) await new Promise((resolve) => setTimeout(resolve, stepMs))
    for (const connection of left.slice(from, from + size))
      connection.close(closeCode.serviceRestart, 'the server is shutting down')
  }
}

/** Resolves when that is no longer so, or the time is over. */
async function waitWhile(isSo: () => boolean, until: number): Promise<void> {
  for (let now = performance.now(); isSo() && now < until; now = performance.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(stepMs, until - now)))
  }
}
