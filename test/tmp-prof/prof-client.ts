import { fork } from 'node:child_process'
import { createClient } from 'trunkline/client'
const child = fork(process.argv[2]!, { execArgv: process.env.SPROF ? ['--cpu-prof', '--cpu-prof-dir=/tmp/prof-s'] : [] })
const url: string = await new Promise((r) => child.once('message', r as never))
const { api } = createClient<any>({ url }) as any
const text = 'x'.repeat(64)
const inflight = +(process.argv[3] ?? 128)
async function run(ms: number) {
  const until = performance.now() + ms; let n = 0
  const lane = async () => { while (performance.now() < until) { await api.echo({ text }); n++ } }
  await Promise.all(Array.from({ length: inflight }, lane)); return n / ms * 1000
}
await run(2000)
for (let i = 0; i < 3; i++) console.log(Math.round(await run(1500)))
child.send('exit'); process.exit(0)
