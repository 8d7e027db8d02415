// The client's process: starts its server's process, connects, runs one row whenever told. Ends with its parent.
import type { BenchClient, Connect } from './contender.ts'
import { cpuSeconds, type Go, type Job, type Measurement, type Report } from './messages.ts'
import { type Row, rows } from './rows.ts'
import { calls, fanOut, items, type Run } from './runs.ts'
import { ServerLink } from './server-link.ts'

/** Below the listen backlog, and below the limits servers put on sockets that haven't said hello. */
const maxConnecting = 20

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

async function prepare({ row: name }: Job): Promise<Run> {
  const row = rows.find((one) => one.name === name)
  if (!row) throw new TypeError(`no row named ${name}`)
  const clients = await connectAll(await server.ready(), row.connections)
  return prepareRun(row, clients)
}

async function connectAll(port: number, connections: number): Promise<BenchClient[]> {
  const module = new URL(`contenders/${job.contender}/client.js`, import.meta.url).href
  const { connect }: { connect: Connect } = await import(module)
  const clients: BenchClient[] = []
  while (clients.length < connections) {
    const length = Math.min(maxConnecting, connections - clients.length)
    clients.push(...(await Promise.all(Array.from({ length }, () => connect(port)))))
  }
  return clients
}

async function prepareRun(row: Row, clients: BenchClient[]): Promise<Run> {
  switch (row.kind) {
    case 'calls':
      return calls(clients, row.inFlight)
    case 'items':
      return items(clients[0] as BenchClient) // each row has at least one connection
    case 'fan-out':
      return fanOut(clients, row.perTick, server)
  }
}

async function work(run: Run, durationMs: number): Promise<void> {
  try {
    report({ type: 'measured', measurement: await measure(run, durationMs) })
  } catch (error) {
    fail(error)
  }
}

async function measure(run: Run, durationMs: number): Promise<Measurement> {
  const serverCpu = await server.cpuSeconds()
  const clientCpu = cpuSeconds()
  const start = performance.now()
  const operations = await run(durationMs)
  const seconds = (performance.now() - start) / 1000
  const clientCpuSeconds = cpuSeconds() - clientCpu
  const serverCpuSeconds = (await server.cpuSeconds()) - serverCpu
  return { operations, seconds, clientCpuSeconds, serverCpuSeconds }
}

function fail(error: unknown): void {
  server.stop()
  report({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
}

function report(message: Report): void {
  process.send?.(message)
}
