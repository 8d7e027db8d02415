// How rows are run that are about speed: calls, items, fan-out, connections. Knows clients only by their interface.
import { type BenchClient, payload } from './contender.ts'
import type { ServerLink } from './server-link.ts'
import { ticksPerConfirm } from './ticker.ts'

/** Works for about `durationMs` and gives the number of operations done; called once to warm up, then to be measured. */
export type Run = (durationMs: number) => Promise<number>

/** Ends a run whose timer is late. */
const maxOperations = 20_000_000

/** A guess to begin with, below the slowest contender; the runs correct it. */
const firstItemsPerMs = 20

export function calls(clients: BenchClient[], inFlight: number): Run {
  return async (durationMs) => {
    let running = true
    let done = 0
    async function loop(client: BenchClient): Promise<void> {
      while (running && done < maxOperations) {
        const output = await client.echo(payload)
        if (output.text.length !== payload.text.length) throw new Error('a call came back with another text')
        done++
      }
    }
    setTimeout(() => {
      running = false
    }, durationMs)
    await Promise.all(clients.flatMap((client) => Array.from({ length: inFlight }, () => loop(client))))
    return done
  }
}

export function items(client: BenchClient, streams: number): Run {
  let itemsPerMs = firstItemsPerMs
  return async (durationMs) => {
    const start = performance.now()
    let done = 0
    // One subscription, or a few where the speed was guessed wrong; what is left below a twentieth isn't worth one.
    for (let left = durationMs; left > durationMs / 20; left = start + durationMs - performance.now()) {
      const each = Math.ceil(Math.min(Math.ceil(left * itemsPerMs), maxOperations) / streams)
      const count = each * streams
      const before = performance.now()
      const all = await Promise.all(Array.from({ length: streams }, () => client.items(each)))
      for (const seen of all) if (seen !== each) throw new Error(`${seen} items came instead of ${each}`)
      itemsPerMs = count / (performance.now() - before)
      done += count
    }
    return done
  }
}

/** Each stays open: a client ends with its process. */
const connectionsARun = 200

export function connections(open: (count: number) => Promise<BenchClient[]>): Run {
  return async () => {
    const clients = await open(connectionsARun)
    await Promise.all(clients.map((client) => client.echo(payload)))
    return connectionsARun
  }
}

export async function fanOut(clients: BenchClient[], eventsPerTick: number, server: ServerLink): Promise<Run> {
  const perTick = clients.length * eventsPerTick
  const perConfirm = perTick * ticksPerConfirm
  let received = 0
  let expected = Number.POSITIVE_INFINITY
  let finish: (() => void) | undefined

  function onEvent(): void {
    received++
    if (received % perConfirm === 0) server.confirm(received / perTick)
    if (received === expected) finish?.()
  }
  await Promise.all(clients.map((client) => client.events(onEvent)))

  return async (durationMs) => {
    received = 0
    expected = Number.POSITIVE_INFINITY
    expected = (await server.tick(durationMs, eventsPerTick)) * perTick
    if (received < expected) {
      await new Promise<void>((resolve) => {
        finish = resolve
      })
    }
    if (received > expected) throw new Error(`${received} events came instead of ${expected}`)
    return received
  }
}
