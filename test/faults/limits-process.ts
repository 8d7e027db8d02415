// Offenders in a process of their own, so that their work is not the honest clients': ten offences a second, on and off as they are told.
import { setTimeout as wait } from 'node:timers/promises'
import { offences as all } from './offences.ts'

/** But for the one whose eleven megabytes of calls are legal until nobody reads the answers: that is load, and slow-consumer.fault.ts has it. */
const offences = all.filter(({ answer }) => answer !== 4202)

const [url = ''] = process.argv.slice(2)
let isOn = false
let done = 0
const wrong: string[] = []
process.on('message', (message) => {
  isOn = message === 'on'
  process.send?.({ done, wrong })
})
process.on('disconnect', () => process.exit())

for (let index = 0; ; index = (index + 1) % offences.length) {
  while (!isOn) await wait(5)
  const offence = offences[index]
  const answer = await offence?.run(url)
  if (answer !== offence?.answer) wrong.push(`${offence?.name}: ${answer}`)
  done++
  await wait(100)
}
