import { once } from 'node:events'
import { connect, createServer, type Server } from 'node:net'
import { type ChaosOptions, createChaos, createFaultProxy, type FaultProxy } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const quiet = { print: () => {} }

describe('decisions', () => {
  const decide = (options: ChaosOptions, count = 50) => {
    const chaos = createChaos({ ...quiet, ...options })
    return Array.from({ length: count }, () => chaos.next())
  }

  it('are the same for the same seed, and others for another', () => {
    expect(decide({ seed: 7 })).toEqual(decide({ seed: 7 }))
    expect(decide({ seed: 7 })).not.toEqual(decide({ seed: 8 }))
  })

  it('are those of this version for ever: a seed in a bug report stays good', () => {
    expect(decide({ seed: 1 }, 3)).toMatchInlineSnapshot(`
      [
        {
          "bytes": 2160,
          "direction": "down",
          "manner": "fin",
        },
        {
          "bytes": 1151,
          "direction": "down",
          "manner": "rst",
        },
        {
          "bytes": 1744,
          "direction": "down",
          "manner": "rst",
        },
      ]
    `)
  })

  it('reach from the least to the most, and both directions and manners', () => {
    const cuts = decide({ seed: 3, bytes: [2, 4] }, 200)
    expect([...new Set(cuts.map(({ bytes }) => bytes))].sort()).toEqual([2, 3, 4])
    expect(new Set(cuts.map(({ direction, manner }) => `${direction} ${manner}`)).size).toBe(4)
  })

  it('are times where a time is asked for', () => {
    for (const { bytes, ms } of decide({ seed: 3, ms: [10, 20] })) {
      expect(bytes).toBeUndefined()
      expect(ms).toBeGreaterThanOrEqual(10)
      expect(ms).toBeLessThanOrEqual(20)
    }
  })

  it('are written down', () => {
    const chaos = createChaos({ seed: 5, ...quiet })
    const cuts = [chaos.next(), chaos.next()]
    expect(chaos.cuts).toEqual(cuts)
  })

  it('draw numbers of your own from the same seed', () => {
    const draw = () => {
      const { integer } = createChaos({ seed: 11, ...quiet })
      return Array.from({ length: 20 }, () => integer(1, 3))
    }
    expect(draw()).toEqual(draw())
    expect([...new Set(draw())].sort()).toEqual([1, 2, 3])
  })
})

describe('the seed', () => {
  it('is printed, drawn or given', () => {
    const lines: string[] = []
    const { seed } = createChaos({ print: (line) => lines.push(line) })
    createChaos({ seed: 9, print: (line) => lines.push(line) })
    expect(lines).toEqual([
      `trunkline: createChaos({ seed: ${seed} }) replays this run`,
      'trunkline: createChaos({ seed: 9 }) replays this run',
    ])
  })

  it.each([-1, 0.5, 2 ** 32, Number.NaN])('%d is refused', (seed) => {
    expect(() => createChaos({ seed, ...quiet })).toThrow(TypeError)
  })
})

describe('run', () => {
  let server: Server
  let proxy: FaultProxy

  beforeEach(async () => {
    server = createServer((socket) => {
      socket.on('error', () => {})
      socket.pipe(socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    proxy = await createFaultProxy({ target: { port: (server.address() as { port: number }).port } })
  })

  afterEach(async () => {
    await proxy.close()
    await new Promise((resolve) => server.close(resolve))
  })

  /** Writes more to the echo than is let through; gives what the proxy has forwarded. */
  async function lose(index: number) {
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => {})
    const connection = await proxy.connected(index)
    socket.resume().write('x'.repeat(1_000))
    await connection.closed()
    return connection.stats()
  }

  it('cuts each new connection where it was decided', async () => {
    const chaos = createChaos({ seed: 21, bytes: [50, 400], ...quiet })
    chaos.run(proxy)
    for (const index of [0, 1, 2, 3]) {
      const stats = await lose(index)
      const { direction, bytes } = chaos.cuts[index] ?? chaos.next()
      expect(stats[direction].forwarded).toBe(bytes)
    }
    expect(chaos.cuts).toHaveLength(4)
  })

  it('cuts after a time, on a clock that is given, until it is undone', async () => {
    const timers = new Map<object, { run: () => void; ms: number }>()
    const clock = {
      setTimeout(run: () => void, ms: number) {
        const timer = {}
        timers.set(timer, { run, ms })
        return timer
      },
      clearTimeout: (timer: unknown) => void timers.delete(timer as object),
    }
    const chaos = createChaos({ seed: 4, ms: [5, 9], clock, ...quiet })
    const stop = chaos.run(proxy)
    const sockets = [0, 1].map(() =>
      connect(proxy.port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    )
    const [one, other] = await Promise.all([proxy.connected(0), proxy.connected(1)])
    expect([...timers.values()].map(({ ms }) => ms)).toEqual(chaos.cuts.map(({ ms }) => ms))
    const [first] = timers.values()
    first?.run()
    await one.closed()
    expect([one.isOpen, other.isOpen]).toEqual([false, true])
    stop()
    expect(timers.size).toBe(0)
    for (const socket of sockets) socket.destroy()
  })
})
