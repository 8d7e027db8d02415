// The server's process: starts one contender's server and does as the client process says. Ends with its parent.
import { payload, type Start } from './contender.ts'
import { type Answer, cpuSeconds, type Order } from './messages.ts'
import { Ticker } from './ticker.ts'

process.on('disconnect', () => process.exit())

const contender = process.argv[2]
const { start }: { start: Start } = await import(new URL(`contenders/${contender}/server.js`, import.meta.url).href)
const server = await start()
const ticker = new Ticker()

process.on('message', (order: Order) => {
  switch (order.type) {
    case 'cpu':
      return answer({ type: 'cpu', seconds: cpuSeconds() })
    case 'memory':
      return answer({ type: 'memory', bytes: memoryInUse() })
    case 'tick':
      return void tick(order.durationMs, order.eventsPerTick)
    case 'confirm':
      return ticker.confirm(order.ticks)
  }
})
answer({ type: 'ready', port: server.port })

async function tick(durationMs: number, eventsPerTick: number): Promise<void> {
  const ticks = await ticker.run(durationMs, eventsPerTick, () => server.emit(payload))
  answer({ type: 'ticked', ticks })
}

function memoryInUse(): number {
  // The first frees what is unreachable, the second what finalizers held.
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function answer(message: Answer): void {
  process.send?.(message)
}
