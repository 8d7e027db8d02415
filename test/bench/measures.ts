// How rows are measured that aren't about speed: latency, the way back, memory, bytes. Less is better. Knows clients only by their interface.
import { setTimeout as wait } from 'node:timers/promises'
import { pace, quantile } from '../faults/child.ts'
import { type BenchClient, payload } from './contender.ts'
import type { Relay } from './relay.ts'
import { items } from './runs.ts'
import type { ServerLink } from './server-link.ts'

/** By name and unit. */
export type Measured = Record<string, number>
export type Measure = (durationMs: number) => Promise<Measured>

/** Opened at a time: below the listen backlog, and below the limits servers put on sockets that haven't said hello. */
const maxConnecting = 20

export async function openAll(count: number, connect: () => Promise<BenchClient>): Promise<BenchClient[]> {
  const clients: BenchClient[] = []
  while (clients.length < count) {
    const length = Math.min(maxConnecting, count - clients.length)
    clients.push(...(await Promise.all(Array.from({ length }, connect))))
  }
  return clients
}

export function latency(client: BenchClient, perSecond: number): Measure {
  return async (durationMs) => {
    const all = await pace(() => client.echo(payload), perSecond, durationMs)
    return { 'p50 ms': quantile(all, 0.5), 'p99 ms': quantile(all, 0.99) }
  }
}

export function beside(client: BenchClient, perSecond: number): Measure {
  const stream = items(client, 1)
  return async (durationMs) => {
    const alone = await pace(() => client.echo(payload), perSecond, durationMs)
    let isOpen = true
    const streaming = stream(durationMs).finally(() => {
      isOpen = false
    })
    const besides = await pace(
      () => client.echo(payload),
      perSecond,
      () => isOpen,
    )
    await streaming
    const [aloneMs, besideMs] = [quantile(alone, 0.99), quantile(besides, 0.99)]
    return { 'p99 alone ms': aloneMs, 'p99 beside ms': besideMs, times: besideMs / aloneMs }
  }
}

/** For a client to notice that its socket is gone: what is said before is lost with some, and they'd wait for ever. */
const noticeMs = 10
const cuts = 5

export function resume(client: BenchClient, relay: Relay): Measure {
  return async () => {
    const all: number[] = []
    for (let count = 0; count < cuts; count++) {
      await client.echo(payload)
      relay.cut()
      const start = performance.now()
      await wait(noticeMs)
      await answered(client)
      all.push(performance.now() - start)
    }
    all.sort((one, other) => one - other)
    return { 'median ms': quantile(all, 0.5), 'worst ms': quantile(all, 1) }
  }
}

/** Asks again where a client fails calls while it has no connection. */
async function answered(client: BenchClient): Promise<void> {
  for (;;) {
    try {
      await client.echo(payload)
      return
    } catch {
      await wait(1)
    }
  }
}

export function memory(server: ServerLink, clients: number, connect: () => Promise<BenchClient>): Measure {
  return async () => {
    const before = await server.memory()
    const opened = await openAll(clients, connect)
    const idle = await server.memory()
    let at = 0
    await openAll(clients, async () => {
      const client = opened[at++] as BenchClient
      await client.events(() => {})
      return client
    })
    const streaming = await server.memory()
    const each = (bytes: number): number => (bytes - before) / clients / 1000
    return { 'idle kB': each(idle), 'with a stream kB': each(streaming) }
  }
}

const callsCounted = 2_048

export function wire(client: BenchClient, relay: Relay): Measure {
  const bytes = async (inFlight: number): Promise<number> => {
    const before = relay.bytes
    for (let made = 0; made < callsCounted; made += inFlight)
      await Promise.all(Array.from({ length: inFlight }, () => client.echo(payload)))
    return (relay.bytes - before) / callsCounted
  }
  return async () => {
    await bytes(1)
    return { 'one at a time, B': await bytes(1), '128 in flight, B': await bytes(128) }
  }
}
