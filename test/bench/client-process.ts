// The client's process: starts its server's process, connects, runs one row whenever told. Ends with its parent.
import type { BenchClient, Connect } from './contender.ts'
import { beside, latency, type Measure, memory, openAll, resume, wire } from './measures.ts'
import { cpuSeconds, type Go, type Job, type Measurement, type Report } from './messages.ts'
import { Relay } from './relay.ts'
import { type Row, rows } from './rows.ts'
import { calls, connections, fanOut, items, type Run } from './runs.ts'
import { ServerLink } from './server-link.ts'

process.on('disconnect', () => process.exit()) // and the server's process sees its own disconnect

const job: Job = JSON.parse(process.argv[2] ?? '')
const server = new ServerLink(job.contender)
try {
  const run = await prepare(job)
  process.on('message', ({ durationMs }: Go) => void work(run, durationMs))
  report({ type: 'ready' })
} catch (error) {
  fail(error)
}

async function prepare({ row: name }: Job): Promise<Run | Measure> {
  const row: Row | undefined = rows.find((one) => one.name === name)
  if (!row) throw new TypeError(`no row named ${name}`)
  const module = new URL(`contenders/${job.contender}/client.js`, import.meta.url).href
  const { connect }: { connect: Connect } = await import(module)
  const serverPort = await server.ready()
  // Only what has to be cut or counted goes through it.
  const relay = row.kind === 'resume' || row.kind === 'wire' ? await Relay.to(serverPort) : undefined
  const open = (): Promise<BenchClient> => connect(relay?.port ?? serverPort)
  const clients = await openAll(row.connections, open)
  return prepareRun(row, clients, open, relay as Relay) // the rows that need one have one
}

async function prepareRun(
  row: Row,
  clients: BenchClient[],
  open: () => Promise<BenchClient>,
  relay: Relay,
): Promise<Run | Measure> {
  const client = clients[0] as BenchClient // each row has at least one connection, but for the one that opens its own
  switch (row.kind) {
    case 'calls':
      return calls(clients, row.inFlight)
    case 'items':
      return items(client, row.streams)
    case 'fan-out':
      return fanOut(clients, row.perTick, server)
    case 'connect':
      return connections((count) => openAll(count, open))
    case 'latency':
      return latency(client, row.perSecond)
    case 'beside':
      return beside(client, row.perSecond)
    case 'resume':
      return resume(client, relay)
    case 'memory':
      return memory(server, row.clients, open)
    case 'wire':
      return wire(client, relay)
  }
}

async function work(run: Run | Measure, durationMs: number): Promise<void> {
  try {
    report({ type: 'measured', measurement: await measure(run, durationMs) })
  } catch (error) {
    fail(error)
  }
}

async function measure(run: Run | Measure, durationMs: number): Promise<Measurement> {
  const serverCpu = await server.cpuSeconds()
  const clientCpu = cpuSeconds()
  const start = performance.now()
  const done = await run(durationMs)
  const seconds = (performance.now() - start) / 1000
  const clientCpuSeconds = cpuSeconds() - clientCpu
  const serverCpuSeconds = (await server.cpuSeconds()) - serverCpu
  const isSpeed = typeof done === 'number'
  return {
    operations: isSpeed ? done : 1,
    figures: isSpeed ? undefined : done,
    seconds,
    clientCpuSeconds,
    serverCpuSeconds,
  }
}

function fail(error: unknown): void {
  server.stop()
  report({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
}

function report(message: Report): void {
  process.send?.(message)
}
