// Breadth first through every state that the rules allow; the shortest way to a broken promise. Does not know the protocol.
import { type Command, describe } from './commands.ts'
import { fingerprint } from './fingerprint.ts'
import type { Rules } from './mutants.ts'
import { after, checkQuiet, commandsOf, isQuiet } from './session-model.ts'
import { initialState, type State, Violation } from './state.ts'

export interface Exploration {
  readonly states: number
  readonly quietStates: number
  readonly steps: number
  /** The longest of the shortest ways to a state. */
  readonly depth: number
  readonly violation?: string
  /** The way to the violation, a line a command. */
  readonly trace?: readonly string[]
}

/** @throws Error when there are more than `maxStates`: an exploration that was cut short shows nothing. */
export function explore(rules: Rules, maxStates = 10_000_000): Exploration {
  const known = new Set<number>()
  /** By number of a state: the state it was reached from, and by the how-manieth of its commands. */
  const parents: number[] = [-1]
  const ordinals: number[] = [-1]
  let level: { readonly state: State; readonly number: number }[] = [{ state: initialState(rules.scenario), number: 0 }]
  let [quietStates, steps, depth] = [0, 0, 0]
  const broken = (error: unknown, number: number, ordinal: number): Exploration => {
    if (!(error instanceof Violation)) throw error
    const trace = retrace(rules, [...ordinalsTo(parents, ordinals, number), ordinal])
    return { states: parents.length, quietStates, steps, depth, violation: error.message, trace }
  }
  for (; level.length > 0; depth++) {
    const next: typeof level = []
    for (const { state, number } of level) {
      const commands = commandsOf(rules, state)
      if (isQuiet(commands)) {
        quietStates++
        try {
          checkQuiet(rules, state)
        } catch (error) {
          return broken(error, number, -1)
        }
      }
      for (const [ordinal, command] of commands.entries()) {
        steps++
        let reached: State
        try {
          reached = after(rules, state, command)
        } catch (error) {
          return broken(error, number, ordinal)
        }
        const print = fingerprint(reached)
        if (known.has(print)) continue
        known.add(print)
        next.push({ state: reached, number: parents.length })
        parents.push(number)
        ordinals.push(ordinal)
      }
    }
    if (parents.length > maxStates) throw new Error(`more than ${maxStates} states: "${rules.scenario.name}"`)
    level = next
  }
  return { states: parents.length, quietStates, steps, depth }
}

function ordinalsTo(parents: readonly number[], ordinals: readonly number[], number: number): number[] {
  const way: number[] = []
  for (let at = number; at > 0; at = parents[at] ?? 0) way.push(ordinals[at] ?? -1)
  return way.reverse()
}

/** Walks the way again, and says each step with the frame it reads. */
function retrace(rules: Rules, way: readonly number[]): string[] {
  let state = initialState(rules.scenario)
  const lines: string[] = []
  for (const ordinal of way) {
    const command = commandsOf(rules, state)[ordinal]
    if (!command) break
    lines.push(`${String(lines.length + 1).padStart(3)}  ${sentence(state, command)}`)
    try {
      state = after(rules, state, command)
    } catch {
      break
    }
  }
  return lines
}

function sentence(state: State, command: Command): string {
  if (command.type === 'call') return `${describe(command)} ${state.client.calls.length + 1}`
  if (command.type === 'publish') return `${describe(command)} ${state.published + 1}`
  if (command.type !== 'deliver') return describe(command)
  const socket = state.sockets.find(({ attempt }) => attempt === command.socket)
  const frame = (command.end === 'server' ? socket?.toServer : socket?.toClient)?.[0]
  return `${JSON.stringify({ ...frame?.message, ack: frame?.ack }).replaceAll('"', '')} ${describe(command)}`
}

/** What a test prints when it fails. */
export function report({ violation, trace }: Exploration): string {
  return violation ? `${violation}\n${trace?.join('\n')}` : 'no promise is broken'
}
