// What was said: the last messages of each room in memory, and everything in a file where there is a folder for it.
import { appendFile, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { Message, type Page } from './contract.ts'

/** Messages kept in memory a room: about a megabyte at the usual length of a message. */
const kept = 5_000

const Saved = Message.extend({ at: z.coerce.date() })

export class Store {
  readonly #rooms: ReadonlyMap<string, Map<string, Message>>
  #file: string | undefined
  #writing: Promise<void> = Promise.resolve()
  /** Being saved, by room and id: a message that is sent again meanwhile is the same one. */
  readonly #adding = new Map<string, Promise<Message>>()
  #lastAt = 0

  /** Opens it on a folder that may be there already, with what was said before. */
  static async open(rooms: readonly string[], folder: string): Promise<Store> {
    await mkdir(folder, { recursive: true })
    const file = join(folder, 'messages.jsonl')
    const store = new Store(rooms, await load(file))
    store.#file = file
    return store
  }

  /** In memory alone. */
  constructor(rooms: readonly string[], messages: readonly Message[] = []) {
    this.#rooms = new Map(rooms.map((room) => [room, new Map()]))
    for (const message of messages) this.#keep(message)
  }

  /** The newest `limit` messages, or the newest before a message; none when that one is not known here any more. */
  page(room: string, limit: number, before?: string): Page {
    const messages = [...(this.#rooms.get(room)?.values() ?? [])]
    const end = before === undefined ? messages.length : messages.findIndex(({ id }) => id === before)
    const start = Math.max(0, end - limit)
    return { messages: messages.slice(start, Math.max(0, end)), hasMore: start > 0 }
  }

  /** Saves a message and keeps it, once an id: for one that is known, or being saved, `isNew` is false. */
  async add(given: Omit<Message, 'at'>): Promise<{ message: Message; isNew: boolean }> {
    const key = JSON.stringify([given.room, given.id])
    const known = this.#rooms.get(given.room)?.get(given.id) ?? this.#adding.get(key)
    if (known) return { message: await known, isNew: false }
    const adding = this.#add(given).finally(() => this.#adding.delete(key))
    this.#adding.set(key, adding)
    return { message: await adding, isNew: true }
  }

  async #add(given: Omit<Message, 'at'>): Promise<Message> {
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

  #keep(message: Message): void {
    const room = this.#rooms.get(message.room)
    if (!room) return
    room.set(message.id, message)
    this.#lastAt = Math.max(this.#lastAt, message.at.getTime())
    const [oldest] = room.keys()
    if (room.size > kept && oldest !== undefined) room.delete(oldest)
  }
}

async function load(file: string): Promise<Message[]> {
  const lines = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return lines.split('\n').flatMap((line) => parse(line) ?? [])
}

function parse(line: string): Message | undefined {
  try {
    return Saved.safeParse(JSON.parse(line)).data
  } catch {
    return undefined
  }
}
