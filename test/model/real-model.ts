// What calls of the real ends may give, and the stories that are told to them. Looks at calls, not at frames or sockets.
import fc from 'fast-check'
import { vi } from 'vitest'
import { type RealCommand, type RealKind, RealWorld, type Story } from './real-world.ts'

/** Results of idempotent mutations are kept for 120 s from the answer; a repeat may be asked for as long before. */
const keptMs = 120_000

const kinds: readonly RealKind[] = ['query', 'mutation', 'idempotent', 'feed', 'raw']

const anyCut: fc.Arbitrary<RealCommand> = fc.record({
  type: fc.constant('cut' as const),
  end: fc.constantFrom('client' as const, 'server' as const, 'both' as const),
  after: fc.nat(14),
})
const direction = fc.constantFrom('up' as const, 'down' as const, 'both' as const)
const pick = fc.nat(20)
const isJoined = fc.nat(3).map((one) => one === 0)

const anyCommand: fc.Arbitrary<RealCommand> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('call' as const), kind: fc.constantFrom(...kinds), isJoined }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('cancel' as const), pick, isJoined }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('finish' as const), pick, isJoined }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('publish' as const), pick, isJoined }) },
  { weight: 6, arbitrary: anyCut },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('hold' as const), direction }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('release' as const), direction }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('yield' as const), after: fc.nat(20) }) },
  {
    weight: 8,
    arbitrary: fc.record({ type: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 150, 300, 1_500, 12_000) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('expire' as const, 'restart' as const) }) },
)

/** At least 30 commands, and three cuts among them at any place. */
export const anyStory: fc.Arbitrary<readonly RealCommand[]> = fc
  .tuple(
    fc.array(anyCommand, { minLength: 27, maxLength: 60 }),
    fc.array(fc.tuple(anyCut, fc.nat(60)), { minLength: 3, maxLength: 5 }),
  )
  .map(([commands, cuts]) => {
    const all = [...commands]
    for (const [cut, at] of cuts) all.splice(at % (all.length + 1), 0, cut)
    return all
  })

/** Tells a story to a client and a server; gives what is wrong with what came of it. */
export async function tell(commands: readonly RealCommand[]): Promise<string[]> {
  vi.useFakeTimers()
  vi.spyOn(Math, 'random').mockReturnValue(0.1)
  const world = new RealWorld()
  try {
    for (const command of commands) {
      const taken = world.take(command)
      if (!('isJoined' in command && command.isJoined)) await taken
    }
    await world.settle()
    const wrong = objections(world)
    await world.close()
    if (vi.getTimerCount() > 0) wrong.push(`${vi.getTimerCount()} timers are left`)
    return wrong
  } finally {
    vi.clearAllTimers()
    vi.restoreAllMocks()
    vi.useRealTimers()
  }
}

function objections(world: RealWorld): string[] {
  const wrong: string[] = []
  for (const story of world.stories)
    for (const what of story.isStream ? streamObjections(story, world.published) : callObjections(story))
      wrong.push(`call ${story.index}, a ${story.kind}: ${what}`)
  if (world.unexplained > 0) wrong.push(`${world.unexplained} sessions ended without a cause`)
  if (world.overdue > 0) wrong.push(`${world.overdue} sessions are kept too long`)
  const broken = world.codes.find((code) => code === 4000 || code === 4011 || (code === 4110 && world.unexplained > 0))
  if (broken) wrong.push(`a line ended with ${broken}`)
  const live = world.stories.filter(({ isStream, outcome }) => isStream && outcome === undefined).length
  const { server, client } = world.stats
  const open = { calls: server.calls, streams: server.streams, detached: server.detached }
  if (open.calls > 0 || open.streams !== live || open.detached > 0)
    wrong.push(`the server has ${JSON.stringify(open)}, and ${live} streams are live`)
  if (client.calls > 0 || client.waiting > 0 || client.streams !== live)
    wrong.push(`the client has ${JSON.stringify(client)}, and ${live} streams are live`)
  return wrong
}

function* callObjections({ kind, runs, outcome, delivery, isCancelled, isSafe, index }: Story): Iterable<string> {
  if (outcome === undefined) return yield 'never settles'
  const isAnswer = outcome.startsWith(`${index} run `)
  if (kind === 'mutation' && runs.length > 1) yield `ran ${runs.length} times`
  if (isSafe && runs.length > 1) yield `ran ${runs.length} times in one session`
  if (delivery === 'not-run' && runs.length > 0) yield `not-run, and ran ${runs.length} times`
  if (kind === 'idempotent' && hasCompletedTwice(runs)) yield 'completed twice in one process'
  if (isAnswer && !runs[Number(outcome.split(' ').at(-1)) - 1]?.completed)
    yield `gives ${outcome}, which has not completed`
  if (runs.some(({ completed, aborted }) => !completed && !aborted)) yield 'its handler runs on'
  if (isCancelled) {
    if (outcome !== 'CANCELLED') yield `was cancelled, and gives ${outcome}`
    return
  }
  if (isAnswer) return
  if (kind !== 'mutation' || isSafe) yield `gives ${outcome}`
  else if (outcome !== 'CONNECTION_LOST' || delivery !== 'unknown') yield `gives ${outcome}, ${delivery}`
}

function hasCompletedTwice(runs: Story['runs']): boolean {
  const completed = runs.filter((run) => run.completed)
  return completed.some((run, index) => {
    const before = completed[index - 1]
    return before?.process === run.process && run.completedAt - before.completedAt < keptMs
  })
}

function* streamObjections(story: Story, published: number): Iterable<string> {
  const { kind, log, outcome, isCancelled, isSafe, acceptedAt } = story
  if (outcome !== undefined && !(isCancelled && outcome === 'CANCELLED')) yield `ends with ${outcome}`
  const gaps = log.filter((entry) => entry === 'gap').length
  if (gaps > 0 && (kind === 'feed' || isSafe)) yield `${gaps} gaps`
  if (acceptedAt === undefined) {
    if (!isCancelled) yield 'was never accepted'
    return
  }
  const segments = segmentsOf(log)
  for (const segment of segments) {
    const broken = segment.findIndex((at, index) => index > 0 && at !== (segment[index - 1] as number) + 1)
    if (broken > 0) yield `${segment[broken]} behind ${segment[broken - 1]}`
    const first = segment[0]
    if (first !== undefined && (kind === 'raw' ? first !== 1 : first > acceptedAt + 1)) yield `begins with ${first}`
  }
  const last = segments.at(-1)?.at(-1) ?? (kind === 'raw' ? 0 : Math.min(acceptedAt, published))
  if (!isCancelled && last !== published) yield `ends at ${last} of ${published}`
}

function segmentsOf(log: readonly (number | 'gap')[]): number[][] {
  const segments: number[][] = [[]]
  for (const entry of log) {
    if (entry === 'gap') segments.push([])
    else segments.at(-1)?.push(entry)
  }
  return segments
}
