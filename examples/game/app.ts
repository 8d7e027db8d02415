// The arena: a world that ticks, and the handlers that let people into it. Knows no port and no page, so that tests can run it in memory.
import { RpcError } from 'trunkline'
import { type AuthenticateArgument, implement, memoryPublisher } from 'trunkline/server'
import { botNames, think } from './bot.ts'
import { type GameEvent, game, Pilot, type Player } from './contract.ts'
import { Loop } from './loop.ts'
import { tickMs } from './ship.ts'
import { writeSnapshot } from './snapshot.ts'
import { type Input, maxShips, World } from './world.ts'

interface Topics {
  world: Uint8Array<ArrayBuffer>
  players: Player[]
  [ship: `ship:${number}`]: GameEvent
}

/** An input of ten is answered: six measures a second. */
const ackEvery = 10
/** Scores and names are for reading. */
const rosterTicks = 10

// Anybody may be anybody here. A real game would check a token in `params`.
export function authenticate({ params }: Pick<AuthenticateArgument, 'params'>): Pilot {
  const pilot = Pilot.safeParse(params)
  if (!pilot.success) throw new RpcError('UNAUTHORIZED', { message: 'A pilot has a name of 1 to 16 characters' })
  return pilot.data
}

export function createArena({ seed = 1, bots = 0 } = {}) {
  // Nobody wants what was true a moment ago.
  const bus = memoryPublisher<Topics>({ history: 0 })
  const world = new World(seed, (ship, event) => bus.publish(`ship:${ship}`, event))
  const robots = Array.from({ length: bots }, (_, index) =>
    world.join(botNames[index % botNames.length] as string, (index * 137) % 360),
  )
  let sequence = 0
  let isRosterDue = false

  function step(): void {
    sequence++
    const ships = [...world.ships.values()]
    for (const [index, robot] of robots.entries())
      world.steer(robot.id, { ...think(robot, ships, world.tick, (index + 0.5) / bots), sequence })
    world.step()
    isRosterDue ||= world.tick % rosterTicks === 0
  }

  /** One value for everybody: it is encoded once, however many watch. */
  function show(): void {
    bus.publish('world', writeSnapshot(world))
    const players = isRosterDue ? world.takeRoster() : undefined
    isRosterDue = false
    if (players) bus.publish('players', players)
  }

  const loop = new Loop({ tickMs, step, shown: show })

  /** Reads what a pilot sends, until there is no more. */
  async function follow(ship: number, inputs: AsyncIterable<Input>): Promise<void> {
    for await (const input of inputs) {
      world.steer(ship, input)
      if (input.sequence % ackEvery === 0) bus.publish(`ship:${ship}`, { type: 'ack', sequence: input.sequence })
    }
  }

  const app = implement(game)
    .context<Pilot>()
    .handlers({
      // A break does not end it: the ship stays, and its pilot goes on when the line is back.
      play: async function* ({ items, context, errors, signal }) {
        if (world.isFull) throw errors.FULL({ most: maxShips })
        const ship = world.join(context.name, context.hue)
        const left = new AbortController()
        const events = bus.subscribe(`ship:${ship.id}`, {
          signal: AbortSignal.any([signal, left.signal]),
          policy: 'drop-oldest',
        })
        const following = follow(ship.id, items).finally(() => left.abort())
        // It is heard of below, when the events have ended.
        following.catch(() => {})
        try {
          yield { type: 'welcome', ship: ship.id }
          yield* events
          await following
        } finally {
          world.leave(ship.id)
        }
      },
      // Whoever is slow gets the newest state, and slows nobody.
      watch: ({ signal }) => bus.subscribe('world', { signal, policy: 'latest' }),
      players: async function* ({ signal }) {
        const changes = bus.subscribe('players', { signal, policy: 'latest' })
        yield world.roster()
        yield* changes
      },
      pace: () => loop.pace(),
    })

  return {
    app,
    world,
    start: () => loop.start(),
    stop: () => loop.stop(),
    /** One tick by hand. */
    tick: () => {
      step()
      show()
    },
  }
}
