// Offenders in a process of their own, so that their work is not the honest clients': told to, it goes over each limit once.
import { setTimeout as wait } from 'node:timers/promises'
import { offences } from './offences.ts'

const [url = ''] = process.argv.slice(2)

process.on('disconnect', () => process.exit())
process.on('message', async (everyMs: number) => {
  const wrong: string[] = []
  for (const { name, answer, run } of offences) {
    const pause = wait(everyMs)
    const got = await run(url)
    if (got !== answer) wrong.push(`${name}: ${got}`)
    await pause
  }
  process.send?.(wrong)
})
