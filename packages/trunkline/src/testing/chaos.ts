// Cuts at random places that can be met again: a seed decides. Does not know what is cut.
import { type CutManner, type FaultClock, globalClock } from './byte-pipe.ts'
import type { Direction } from './direction.ts'
import type { FaultProxy } from './fault-proxy.ts'
import type { ProxyConnection } from './proxy-connection.ts'

export interface ChaosOptions {
  /** Decides everything: the same seed, the same cuts. An integer from 0 to 4294967295. @default a random one, which is printed */
  seed?: number
  /** A connection is cut after this many bytes of one direction, from the least to the most. @default [0, 4096], some messages */
  bytes?: readonly [least: number, most: number]
  /** Instead of `bytes`: after this long, from the least to the most, in ms. */
  ms?: readonly [least: number, most: number]
  /** What bytes are counted from; with `'upgrade'` the handshake is spared. @default 'start' */
  from?: 'start' | 'upgrade'
  /** Timers for `ms`. @default those of the process */
  clock?: FaultClock
  /** Prints the seed. @default console.info */
  print?: (line: string) => void
}

/** What was decided for one connection. */
export interface ChaosCut {
  /** The direction whose bytes are counted. */
  readonly direction: Direction
  /** In order, or as a reset. */
  readonly manner: CutManner
  /** After so many bytes. */
  readonly bytes?: number
  /** After so long, in ms. */
  readonly ms?: number
}

/** A source of cuts. */
export interface Chaos {
  /** Give it to `createChaos` to get the same cuts again. */
  readonly seed: number
  /** What was decided so far, oldest first. */
  readonly cuts: readonly ChaosCut[]
  /** Decides one more cut. */
  next(): ChaosCut
  /** A number for a decision of your own, between these, both included. */
  integer(least: number, most: number): number
  /** Cuts every connection that the proxy gets from now on. Gives the undo, which spares those that still wait for their time; a cut by bytes stays armed. */
  run(proxy: FaultProxy): () => void
}

/** Decides where connections are cut, by a seed. */
export function createChaos(options: ChaosOptions = {}): Chaos {
  const { bytes = [0, 4096], ms, from = 'start', clock = globalClock, print = console.info } = options
  const seed = options.seed ?? Math.floor(Math.random() * 2 ** 32)
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new TypeError(`seed: expected an integer from 0 to 4294967295, got ${seed}`)
  print(`trunkline: createChaos({ seed: ${seed} }) replays this run`)
  const random = mulberry32(seed)
  const integer = (least: number, most: number): number => least + Math.floor(random() * (most - least + 1))
  const cuts: ChaosCut[] = []
  const next = (): ChaosCut => {
    const direction = integer(0, 1) === 0 ? 'up' : 'down'
    const manner = integer(0, 1) === 0 ? 'fin' : 'rst'
    const cut: ChaosCut = { direction, manner, ...(ms ? { ms: integer(...ms) } : { bytes: integer(...bytes) }) }
    cuts.push(cut)
    return cut
  }
  const arm = (connection: ProxyConnection): (() => void) => {
    const { direction, manner, bytes: after, ms: later } = next()
    if (later === undefined) {
      connection.cutAfter({ direction, bytes: after ?? 0, from, manner })
      return () => {}
    }
    const timer = clock.setTimeout(() => connection.cut(manner), later)
    const stop = (): void => clock.clearTimeout(timer)
    connection.closed().then(stop)
    return stop
  }
  return { seed, cuts, next, integer, run: (proxy) => runOn(proxy, arm) }
}

function runOn(proxy: FaultProxy, arm: (connection: ProxyConnection) => () => void): () => void {
  const stops = new Set<() => void>()
  const undo = proxy.onConnection((connection) => {
    const stop = arm(connection)
    stops.add(stop)
    connection.closed().then(() => stops.delete(stop))
  })
  return () => {
    undo()
    for (const stop of stops) stop()
  }
}

/** The generator mulberry32: 32 bits of state, even enough to choose where to cut. Not for secrets. */
function mulberry32(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let bits = Math.imul(state ^ (state >>> 15), state | 1)
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61)
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32
  }
}
