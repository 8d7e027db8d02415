// Strangers in a process of their own, so that their work is not the honest clients': ten acts a second, on and off as they are told.
import { setTimeout as wait } from 'node:timers/promises'
import { acts } from './strangers.ts'

const [url = ''] = process.argv.slice(2)
let isOn = false
let done = 0
process.on('message', (message) => {
  isOn = message === 'on'
  process.send?.(done)
})
process.on('disconnect', () => process.exit())

for (let index = 0; ; index = (index + 1) % acts.length) {
  while (!isOn) await wait(5)
  await acts[index]?.run(url)
  done++
  await wait(100)
}
