// What was said: the last messages of each room in memory, and everything in a file where there is a folder for it.
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Message } from './contract.ts'

/** Messages kept in memory a room: several screens full, and what a page asks for at once. */
const kept = 200

const Saved = Message.extend({ at: z.coerce.date() })

export class Store {
  readonly #rooms: ReadonlyMap<string, Map<string, Message>>
  readonly #file: string | undefined
  #writing: Promise<void> = Promise.resolve()
  #lastAt = 0

  /** Opens it; `folder` may be there already, with what was said before. */
  static async open(rooms: readonly string[], folder: string | undefined): Promise<Store> {
    if (folder) await mkdir(folder, { recursive: true })
    const store = new Store(rooms, folder && join(folder, 'messages.jsonl'))
    await store.#load()
    return store
  }

  private constructor(rooms: readonly string[], file: string | undefined) {
    this.#rooms = new Map(rooms.map((room) => [room, new Map()]))
    this.#file = file
  }

  has(room: string): boolean {
    return this.#rooms.has(room)
  }

  history(room: string): Message[] {
    return [...(this.#rooms.get(room)?.values() ?? [])]
  }

  find(room: string, id: string): Message | undefined {
    return this.#rooms.get(room)?.get(id)
  }

  /** Saves a message, then shows it. */
  async add(given: Omit<Message, 'at'>): Promise<Message> {
    // Strictly rising, so that every page sorts alike.
    this.#lastAt = Math.max(Date.now(), this.#lastAt + 1)
    const message = { ...given, at: new Date(this.#lastAt) }
    await this.#save(message)
    this.#keep(message)
    return message
  }

  async #save(message: Message): Promise<void> {
    const file = this.#file
    if (!file) return
    // The line break comes first: half a line, left by a crash, then spoils nothing but itself.
    const write = () => appendFile(file, `\n${JSON.stringify(message)}`)
    this.#writing = this.#writing.then(write, write)
    await this.#writing
  }

  async #load(): Promise<void> {
    if (!this.#file) return
    const lines = await readFile(this.#file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return ''
      throw error
    })
    for (const line of lines.split('\n')) {
      const message = parse(line)
      if (message) this.#keep(message)
    }
  }

  #keep(message: Message): void {
    const room = this.#rooms.get(message.room)
    if (!room) return
    room.set(message.id, message)
    this.#lastAt = Math.max(this.#lastAt, message.at.getTime())
    const [oldest] = room.keys()
    if (room.size > kept && oldest !== undefined) room.delete(oldest)
  }
}

function parse(line: string): Message | undefined {
  try {
    return Saved.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
