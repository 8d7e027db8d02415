// Files in a folder, each under its id with what is known of it beside it. Names are only ever data: none becomes a path.
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { StoredFile } from './contract.ts'
import { Part } from './part.ts'

/** What nobody has gone on with for a day is given up. */
const abandonedMs = 24 * 60 * 60 * 1000

/** Left to everybody else on the disk. */
const reservedBytes = 256 * 1024 * 1024

/** Large enough that a disk and a line are kept busy, small enough that four are in flight in a stream's usual window. */
const chunkBytes = 128 * 1024

const Saved = StoredFile.extend({ at: z.coerce.date() })

export class FileStore {
  readonly #folder: string
  readonly #files = new Map<string, StoredFile>()
  /** Being written, by id: one writer each. */
  readonly #parts = new Map<string, Part>()

  /** Opens it on a folder that may be there already, with the files in it. */
  static async open(folder: string): Promise<FileStore> {
    await mkdir(folder, { recursive: true })
    const store = new FileStore(folder)
    for (const name of await readdir(folder)) await store.#find(name)
    return store
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** The newest first. */
  list(): StoredFile[] {
    return [...this.#files.values()].sort((one, other) => other.at.getTime() - one.at.getTime())
  }

  file(id: string): StoredFile | undefined {
    return this.#files.get(id)
  }

  /** Bytes of it on disk. */
  async received(id: string): Promise<number> {
    return this.#files.get(id)?.size ?? sizeOf(this.#path(id, 'part'))
  }

  /** What may still be written before the disk is full. */
  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder)
    return Math.max(0, bavail * bsize - reservedBytes)
  }

  /** Opens what there is of a file for writing. Whoever wrote it before, and has not heard yet that its caller is gone, writes no more. */
  async begin(id: string): Promise<Part> {
    await this.release(id)
    const part = await Part.open(this.#path(id, 'part'))
    // Two at once: the last one writes.
    await this.release(id)
    this.#parts.set(id, part)
    return part
  }

  /** Nobody writes it any more; with `part`, that one does not. */
  async release(id: string, part = this.#parts.get(id)): Promise<void> {
    if (part && this.#parts.get(id) === part) this.#parts.delete(id)
    await part?.close()
  }

  /** All is there: the part becomes a file. */
  async finish(id: string, name: string, part: Part): Promise<StoredFile> {
    await this.release(id, part)
    const file = { id, name, size: part.size, sha256: part.digest(), at: new Date() }
    // In this order a crash in between leaves a part that can be finished once more.
    await writeFile(this.#path(id, 'json'), JSON.stringify(file))
    await rename(this.#path(id, 'part'), this.#path(id, 'data'))
    this.#files.set(id, file)
    return file
  }

  /** A file's bytes from an offset on. */
  read(id: string, start: number): AsyncIterable<Uint8Array<ArrayBuffer>> {
    return createReadStream(this.#path(id, 'data'), { start, highWaterMark: chunkBytes })
  }

  async remove(id: string): Promise<void> {
    await this.release(id)
    this.#files.delete(id)
    for (const kind of ['json', 'data', 'part'] as const) await rm(this.#path(id, kind), { force: true })
  }

  #path(id: string, kind: 'part' | 'data' | 'json'): string {
    return join(this.#folder, `${id}.${kind}`)
  }

  async #find(name: string): Promise<void> {
    const path = join(this.#folder, name)
    if (name.endsWith('.part')) {
      const { mtimeMs } = await stat(path)
      if (Date.now() - mtimeMs > abandonedMs) await rm(path)
    }
    if (!name.endsWith('.json')) return
    const file = parse(await readFile(path, 'utf8'))
    if (file && (await sizeOf(this.#path(file.id, 'data'))) === file.size) this.#files.set(file.id, file)
  }
}

function parse(text: string): StoredFile | undefined {
  try {
    return Saved.safeParse(JSON.parse(text)).data
  } catch {
    return undefined
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return 0
      throw error
    },
  )
}
