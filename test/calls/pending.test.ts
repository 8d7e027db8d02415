import { expect, it } from 'vitest'
import { toPending } from '../../packages/trunkline/src/calls/pending.ts'

async function* numbers() {
  for (let number = 1; ; number++) yield number
}

it('serves what is asked for before it is accepted in order, and what is asked for in between behind it', async () => {
  let accept!: (source: unknown) => void
  const accepted = new Promise((resolve) => {
    accept = resolve
  })
  const pending = toPending(accepted, { cancel: () => {}, hand: undefined as never })
  const iterator = pending[Symbol.asyncIterator]()
  const asked = [iterator.next(), iterator.next()]
  // It runs when the iterator is there and the first two are not asked of it yet.
  const between = accepted.then(() => void asked.push(iterator.next()))
  accept(numbers())
  await between
  asked.push(iterator.next())
  await Promise.all(asked.slice(0, 2))
  asked.push(iterator.next())
  expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([1, 2, 3, 4, 5])
})
