import { expect, test } from 'vitest'
import type { FrameData } from '../../packages/trunkline/src/protocol/encoded.ts'
import { joinBatch, Outbox } from '../../packages/trunkline/src/protocol/outbox.ts'
import { Broadcast } from '../../packages/trunkline/src/server/broadcast.ts'

function open() {
  const soon: (() => void)[] = []
  const patient: (() => void)[] = []
  const broadcast = new Broadcast(
    (flush) => void soon.push(flush),
    (flush) => void patient.push(flush),
  )
  const run = (tasks: (() => void)[]) => {
    for (const task of tasks.splice(0)) task()
  }
  const connect = () => {
    const frames: FrameData[] = []
    const outbox = new Outbox({
      mayBulk: true,
      schedule: (one) => broadcast.schedule(one),
      write: (frame) => frames.push(frame),
      rider: () => undefined,
      joinStreams: joinBatch,
    })
    return { outbox, frames }
  }
  return { broadcast, connect, end: () => run(soon), turn: () => run(patient) }
}

test('items of streams alone wait until their time has come, for all connections at once', () => {
  const { broadcast, connect, end, turn } = open()
  const [one, other] = [connect(), connect()]
  one.outbox.pushStream('[1]')
  end()
  other.outbox.pushStream('[22]')
  one.outbox.pushStream('[3]')
  end()
  expect(broadcast.size).toBe(10)
  expect([one.frames, other.frames]).toEqual([[], []])
  turn()
  expect([one.frames, other.frames]).toEqual([['[[1],[3]]'], ['[22]']])
  expect(broadcast.size).toBe(0)
})

test('an answer takes the items that wait along, at the end of its turn, and they come once', () => {
  const { connect, end, turn } = open()
  const { outbox, frames } = connect()
  outbox.pushStream('[1]')
  end()
  outbox.push('[2]')
  end()
  expect(frames).toEqual(['[[2],[1]]'])
  turn()
  expect(frames).toEqual(['[[2],[1]]'])
})

test('what was flushed meanwhile is patient again with its next item', () => {
  const { connect, end, turn } = open()
  const { outbox, frames } = connect()
  outbox.pushStream('[1]')
  outbox.push('[2]')
  end()
  outbox.pushStream('[3]')
  end()
  expect(frames).toEqual(['[[2],[1]]'])
  turn()
  expect(frames).toEqual(['[[2],[1]]', '[3]'])
})

test('an acknowledgement or credit does not wait', () => {
  const { connect, end } = open()
  const { outbox, frames } = connect()
  outbox.ride('[9]')
  end()
  expect(frames).toEqual(['[9]'])
})
