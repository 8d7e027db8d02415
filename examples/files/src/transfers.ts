// What is under way and what has become of it: a plain store that React listens to. Knows transfers, but no component.
import { isRpcError } from 'trunkline/client'
import { download, save } from './download.ts'
import { type Api, randomId, type StoredFile } from './line.ts'
import { type Course, type Moved, upload } from './upload.ts'
import { sizeInWords } from './words.ts'

export interface Transfer {
  readonly key: string
  readonly direction: 'up' | 'down'
  readonly name: string
  readonly size: number
  /** Bytes that have gone, or come. */
  readonly moved: number
  /** `checking`: all was sent, and the server has not answered yet. */
  readonly state: 'queued' | 'moving' | 'paused' | 'checking' | 'done' | 'damaged' | 'failed'
  readonly bytesPerSecond: number
  readonly sha256?: string
  readonly problem?: string
}

/** So many share the line; the others wait for their turn. */
const atOnce = 3
/** Progress is told this often; more would be redrawn, and not seen. */
const tellEveryMs = 100
/** The pace is that of the last seconds. */
const paceMs = 3_000

/** Tells what has changed of a transfer; progress may be told a little later. */
type Change = (change: Partial<Transfer>, isProgress?: boolean) => void
type Work = (course: Course) => Promise<Moved>

export class Transfers {
  #list: readonly Transfer[] = []
  readonly #jobs = new Map<string, Job>()
  readonly #api: Api
  readonly #listeners = new Set<() => void>()
  #timer: ReturnType<typeof setTimeout> | undefined

  constructor(api: Api) {
    this.#api = api
  }

  // Bound, as React wants them.
  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly getSnapshot = (): readonly Transfer[] => this.#list

  upload(file: File): void {
    const key = randomId()
    const work: Work = (course) => upload(this.#api, key, file, course)
    // What came of it is of no use to anybody.
    const drop = () => void this.#api.remove({ id: key }).catch(() => {})
    this.#add({ key, direction: 'up', name: file.name, size: file.size }, work, drop)
  }

  download(file: StoredFile): void {
    const work: Work = async (course) => {
      const { blob, ...moved } = await download(this.#api, file, course)
      if (moved.sha256 === file.sha256) save(blob, file.name)
      return moved
    }
    this.#add({ key: randomId(), direction: 'down', name: file.name, size: file.size }, work, () => {})
  }

  pause(key: string): void {
    this.#jobs.get(key)?.pause()
  }

  goOn(key: string): void {
    this.#jobs.get(key)?.goOn()
  }

  /** Stops it and forgets it. */
  cancel(key: string): void {
    this.#jobs.get(key)?.cancel()
    this.#jobs.delete(key)
    this.#list = this.#list.filter((transfer) => transfer.key !== key)
    this.#tell()
    this.#startNext()
  }

  #add(what: Pick<Transfer, 'key' | 'direction' | 'name' | 'size'>, work: Work, drop: () => void): void {
    this.#list = [...this.#list, { ...what, moved: 0, state: 'queued', bytesPerSecond: 0 }]
    const change: Change = (change, isProgress = false) => this.#change(what.key, change, isProgress)
    this.#jobs.set(what.key, new Job(what.size, work, drop, change))
    this.#tell()
    this.#startNext()
  }

  #change(key: string, change: Partial<Transfer>, isProgress: boolean): void {
    this.#list = this.#list.map((transfer) => (transfer.key === key ? { ...transfer, ...change } : transfer))
    if (!isProgress) return this.#tell()
    this.#timer ??= setTimeout(() => this.#tell(), tellEveryMs)
  }

  #tell(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const listener of this.#listeners) listener()
  }

  #startNext(): void {
    const running = [...this.#jobs.values()].filter(({ isRunning }) => isRunning).length
    const waiting = [...this.#jobs.values()].filter(({ isOver, isRunning }) => !isOver && !isRunning)
    for (const job of waiting.slice(0, Math.max(0, atOnce - running))) job.run().finally(() => this.#startNext())
  }
}

/** One transfer's life: queued, moving or paused, over. */
class Job implements Course {
  isRunning = false
  isOver = false
  readonly #size: number
  readonly #work: Work
  readonly #drop: () => void
  readonly #change: Change
  readonly #controller = new AbortController()
  /** While it is paused: what those wait for who would go on. */
  #gate: { readonly passed: Promise<void>; readonly open: () => void } | undefined
  #trail: { readonly at: number; readonly bytes: number }[] = []

  constructor(size: number, work: Work, drop: () => void, change: Change) {
    this.#size = size
    this.#work = work
    this.#drop = drop
    this.#change = change
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async run(): Promise<void> {
    this.isRunning = true
    this.#change({ state: this.#gate ? 'paused' : 'moving' })
    try {
      const { file, sha256 } = await this.#work(this)
      this.#change({ state: sha256 === file.sha256 ? 'done' : 'damaged', sha256, moved: this.#size })
    } catch (error) {
      this.#change({ state: 'failed', problem: inWords(error) })
    }
    this.isRunning = false
    this.isOver = true
  }

  pause(): void {
    let open = () => {}
    const passed = new Promise<void>((resolve) => {
      open = resolve
    })
    this.#gate ??= { passed, open }
    this.#change({ state: 'paused', bytesPerSecond: 0 })
  }

  goOn(): void {
    this.#gate?.open()
    this.#gate = undefined
    this.#trail = []
    this.#change({ state: this.isRunning ? 'moving' : 'queued' })
  }

  cancel(): void {
    const wasUnfinished = !this.isOver
    this.isOver = true
    this.#controller.abort()
    this.#gate?.open()
    if (wasUnfinished) this.#drop()
  }

  // ── For what it does ───────────────────────────────────────────────────────

  async mayMove(): Promise<void> {
    // Paused again before it could go on.
    while (this.#gate) await this.#gate.passed
    this.signal.throwIfAborted()
  }

  moved(bytes: number): void {
    const now = performance.now()
    // What is sent again is no progress.
    if (bytes < (this.#trail.at(-1)?.bytes ?? 0)) this.#trail = []
    this.#trail.push({ at: now, bytes })
    while ((this.#trail[0]?.at ?? now) < now - paceMs) this.#trail.shift()
    const [first] = this.#trail
    const seconds = first ? (now - first.at) / 1000 : 0
    const bytesPerSecond = first && seconds > 0.3 ? (bytes - first.bytes) / seconds : 0
    const isAll = bytes >= this.#size
    const state = isAll ? 'checking' : this.#gate ? 'paused' : 'moving'
    this.#change({ moved: bytes, bytesPerSecond, state }, !isAll)
  }
}

function inWords(error: unknown): string {
  if (!isRpcError(error)) return error instanceof Error ? error.message : String(error)
  const data = error.data as { maxBytes?: number; freeBytes?: number } | undefined
  if (error.code === 'TOO_BIG') return `Too big: the server takes ${sizeInWords(data?.maxBytes ?? 0)} a file`
  if (error.code === 'NO_SPACE') return `No room: the server has ${sizeInWords(data?.freeBytes ?? 0)} left`
  if (error.code === 'NO_SUCH_FILE') return 'It has been deleted'
  return error.message
}
