// Mutations that may be asked for twice: what was answered is kept for a while, and what still runs is joined.
// Does not know sessions, and not what an answer says.

import { mistake } from '../contract/mistake.ts'
import type { ServerCall } from './call.ts'
import { isKept } from './kept-answer.ts'
import { isPromiseLike } from './promise-like.ts'

/** Keeps answers of idempotent mutations. Another process with the same store gives them too; without one, another process runs the call again. */
export interface ResultStore {
  /** The answer kept under a principal's key, or undefined. */
  get(principal: string, key: string): string | undefined | Promise<string | undefined>
  /** Keeps an answer, for as long as the store will. */
  set(principal: string, key: string, answer: string): void | Promise<void>
  /** Forgets a principal: it was revoked. */
  delete(principal: string): void | Promise<void>
}

export interface MemoryResultStoreOptions {
  /** Milliseconds an answer is kept. @default 120_000, longer than a client waits before it comes back */
  maxAgeMs?: number
  /** Answers of one principal; the oldest go. @default 256 */
  entries?: number
  /** Text of one principal's answers, in UTF-16 units; the oldest go. @default 262_144 */
  length?: number
}

/** Principals of one process whose answers are kept: with the usual 256 KiB each, what a large process has at once. */
const maxPrincipals = 10_000

interface Kept {
  readonly answer: string
  readonly until: number
}

/** A store for one process. */
export function memoryResultStore(options: MemoryResultStoreOptions = {}): ResultStore {
  const { maxAgeMs = 120_000, entries = 256, length = 256 * 1024 } = options
  for (const [name, value] of Object.entries({ maxAgeMs, entries, length })) {
    if (!(Number.isSafeInteger(value) && value > 0))
      throw mistake(`memoryResultStore({ ${name} }): expected a positive integer, got ${String(value)}`, 'server')
  }
  const kept = new Map<string, Map<string, Kept>>()
  let sweptAt = performance.now()
  const sweep = (now: number): void => {
    sweptAt = now
    for (const [principal, answers] of kept) {
      for (const [key, { until }] of answers) {
        // In the order of their keeping: the first that is young enough has only younger ones behind it.
        if (until > now) break
        answers.delete(key)
      }
      if (answers.size === 0) kept.delete(principal)
    }
  }
  return {
    get(principal, key) {
      const found = kept.get(principal)?.get(key)
      return found && found.until > performance.now() ? found.answer : undefined
    },
    set(principal, key, answer) {
      const now = performance.now()
      if (now - sweptAt >= maxAgeMs / 4) sweep(now)
      const answers = kept.get(principal) ?? new Map<string, Kept>()
      // The one who asked last is the last to go.
      kept.delete(principal)
      kept.set(principal, answers)
      if (kept.size > maxPrincipals) kept.delete(kept.keys().next().value as string)
      answers.delete(key)
      answers.set(key, { answer, until: now + maxAgeMs })
      let total = 0
      for (const one of answers.values()) total += one.answer.length
      for (const [oldest, one] of answers) {
        if (answers.size <= entries && total <= length) break
        total -= one.answer.length
        answers.delete(oldest)
      }
    },
    delete(principal) {
      kept.delete(principal)
    },
  }
}

/** What several calls may ask for. */
interface Asked {
  readonly principal: string
  readonly key: string
  /** Both, as one name. */
  readonly name: string
}

/** Runs each idempotent mutation once, as far as this process and the store know. */
export class Idempotency {
  readonly #store: ResultStore
  readonly #report: (error: unknown) => void
  /** The call that runs, and those that wait for its answer, by principal and key. */
  readonly #running = new Map<string, ServerCall[]>()

  constructor(store: ResultStore, report: (error: unknown) => void) {
    this.#store = store
    this.#report = report
  }

  /** Answers `call` with what is kept, has it wait for one that runs, or runs it. */
  run(call: ServerCall, principal: string, key: string, start: () => void): void {
    const name = JSON.stringify([principal, key])
    call.restart = start
    const others = this.#running.get(name)
    if (others) {
      others.push(call)
      call.join()
      call.whenOver = () => this.#abandoned(name, call)
      return
    }
    this.#running.set(name, [call])
    this.#begin(call, { name, principal, key })
  }

  forget(principal: string): void {
    this.#try(() => this.#store.delete(principal))
  }

  /** Answers all who asked with what is kept, or runs `call`. */
  #begin(call: ServerCall, asked: Asked): void {
    const { name, principal, key } = asked
    call.whenOver = (answer) => this.#over(call, asked, answer)
    const begin = (answer: unknown): void => {
      if (call.isOver) return
      if (isKept(answer)) return this.#answer(name, answer)
      if (answer !== undefined && answer !== null)
        this.#report(new Error(`The result store gave what is no answer of "${key}"`))
      call.restart?.()
    }
    const failed = (error: unknown): void => {
      // A store that is down must not stop what it only makes safer.
      this.#report(error)
      begin(undefined)
    }
    let kept: unknown
    try {
      kept = this.#store.get(principal, key)
    } catch (error) {
      return failed(error)
    }
    if (isPromiseLike(kept)) kept.then(begin, failed)
    else begin(kept)
  }

  /** The call that ran is over: with an answer that all get, or without one, so that the next has to run. */
  #over(call: ServerCall, asked: Asked, answer: string | undefined): void {
    const { name, principal, key } = asked
    const [, ...others] = this.#running.get(name) ?? []
    this.#running.delete(name)
    if (answer !== undefined) {
      this.#try(() => this.#store.set(principal, key, answer))
      return answerAll(others, answer)
    }
    const next = others.find(({ isOver }) => !isOver)
    if (!next || next === call) return
    this.#running.set(name, [next, ...others.filter((other) => other !== next)])
    // The one before may have gone while it still waited for the store.
    this.#begin(next, asked)
  }

  /** Answers all who asked with what was kept. */
  #answer(name: string, answer: string): void {
    const calls = this.#running.get(name) ?? []
    this.#running.delete(name)
    answerAll(calls, answer)
  }

  #abandoned(name: string, call: ServerCall): void {
    const others = this.#running.get(name)
    const index = others?.indexOf(call) ?? -1
    if (index > 0) others?.splice(index, 1)
  }

  #try(keep: () => void | Promise<void>): void {
    try {
      Promise.resolve(keep()).catch(this.#report)
    } catch (error) {
      this.#report(error)
    }
  }
}

function answerAll(calls: readonly ServerCall[], answer: string): void {
  for (const call of calls) {
    call.whenOver = undefined
    call.answerAs(answer)
  }
}
