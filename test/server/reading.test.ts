// Frames that came in one piece: what is said to them goes out behind the last, without a turn; with more to come, in that turn.
import { query, router } from 'trunkline'
import { createServer, implement } from 'trunkline/server'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { z } from 'zod'

const finish: (() => void)[] = []
const app = implement(
  router({
    echo: query({ input: z.number(), output: z.number() }),
    wait: query({ output: z.number() }),
    say: query({ input: z.number(), output: z.string() }),
  }),
).handlers({
  echo: ({ input }) => input,
  say: ({ input }) => 'x'.repeat(input),
  wait: () => new Promise((resolve) => finish.push(() => resolve(7))),
})

let frames: string[] = []
let ticks: (() => void)[] = []
const turn = async (): Promise<void> => {
  for (let passed = 0; passed < 20; passed++) await undefined
  for (const tick of ticks.splice(0)) tick()
}

async function connected() {
  const yielded: (() => void)[] = []
  const server = createServer(app, {
    schedule: (flush: () => void) => void ticks.push(flush),
    yieldTo: (task: () => void) => void yielded.push(task),
  } as never)
  const socket = {
    bufferedAmount: 0,
    send: (frame: string | Uint8Array) => void frames.push(String(frame)),
    close() {},
    terminate() {},
    pause() {},
    resume() {},
  }
  const request = { url: '/', headers: new Headers(), remoteAddress: '127.0.0.1' }
  const events = server.accept(socket, request)
  const piece = (...messages: unknown[]): void => {
    events.reading(true)
    for (const message of messages) events.text(JSON.stringify(message))
    events.reading(false)
  }
  piece([0, { session: 's', attempt: 1 }])
  await turn()
  frames = []
  return { events, piece, server, yielded }
}

beforeEach(() => {
  // However slow the machine, these few calls are one slice of work.
  vi.spyOn(performance, 'now').mockReturnValue(1_000)
  frames = []
  ticks = []
})

afterEach(() => {
  vi.restoreAllMocks()
  for (const end of finish.splice(0)) end()
})

it('answers in one frame when the piece is read, and needs no turn for it', async () => {
  const { piece } = await connected()
  piece([2, 1, 'echo', 1], [2, 3, 'echo', 2])
  expect(frames).toEqual(['[[3,1,1],[3,3,2]]'])
  expect(ticks).toHaveLength(0)
  piece([2, 5, 'echo', 3])
  expect(frames).toHaveLength(2)
})

it('waits for the turn where a call is open that may have something to say in it', async () => {
  const { piece } = await connected()
  piece([2, 1, 'wait'], [2, 3, 'echo', 2])
  expect(frames).toEqual([])
  finish[0]?.()
  await turn()
  expect(frames).toEqual(['[[3,3,2],[3,1,7]]'])
})

it('leaves what is long to a turn of its own', async () => {
  const { piece, yielded } = await connected()
  piece([2, 1, 'say', 70_000])
  expect(frames).toEqual([])
  for (const task of yielded.splice(0)) task()
  expect(frames.map((frame) => frame.length)).toEqual([70_008])
})

it('loses nothing when its connection is over within the piece', async () => {
  const { events, piece } = await connected()
  events.reading(true)
  events.text('[2,1,"echo",1]')
  events.closed(1006)
  events.reading(false)
  expect(frames).toEqual([])
  piece([2, 3, 'echo', 2])
  await turn()
  expect(frames).toEqual([])
})

it('answers as ever to an adapter that does not tell', async () => {
  const { events } = await connected()
  events.text('[2,1,"echo",1]')
  expect(frames).toEqual([])
  await turn()
  expect(frames).toEqual(['[3,1,1]'])
})
