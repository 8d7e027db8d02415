// Sends one file and goes on with it until the server has it, whatever happens to the line. Does not know what is shown of that.
import { createSHA256 } from 'hash-wasm'
import { isRpcError, safe } from 'trunkline/client'
import { type Api, patient, type StoredFile } from './line.ts'

/** What a transfer tells, and is told. */
export interface Course {
  readonly signal: AbortSignal
  /** Resolves at once, or when it goes on. */
  mayMove(): Promise<void>
  moved(bytes: number): void
}

export interface Moved {
  readonly file: StoredFile
  /** What this end makes of the bytes that it has sent, or got. */
  readonly sha256: string
}

/** Two fit into the first window that a stream has; 40 a second fill a line of 10 MB/s. */
const chunkBytes = 256 * 1024

/** Lost in a row, and nothing more has come across. */
const maxFutile = 5

export async function upload(api: Api, id: string, file: File, course: Course): Promise<Moved> {
  const hash = await createSHA256()
  let hashed = 0
  /** Reads no further ahead than the line takes: the next piece is asked for when there is room for it. */
  async function* pieces(offset: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    for (let at = offset; at < file.size; course.moved(at)) {
      await course.mayMove()
      const chunk = new Uint8Array(await file.slice(at, at + chunkBytes).arrayBuffer())
      // What is sent again was hashed the first time.
      if (at + chunk.length > hashed) hash.update(chunk.subarray(hashed - at))
      hashed = Math.max(hashed, at + chunk.length)
      yield chunk
      at += chunk.length
    }
  }

  const { signal } = course
  const options = { ...patient, signal }
  let last = -1
  for (let futile = 0; ; ) {
    // A line that is lost comes back by itself and the upload goes on. This is for a server that has forgotten it.
    const { received, file: stored } = await api.status({ id }, options)
    if (stored) return { file: stored, sha256: hash.digest() }
    course.moved(received)
    const { name, size } = file
    const put = await safe(api.put({ id, name, size, offset: received }, { ...options, send: pieces(received) }))
    if (put.ok) return { file: put.value, sha256: hash.digest() }
    futile = received > last ? 0 : futile + 1
    last = received
    if (!wasInterrupted(put.error) || futile >= maxFutile) throw put.error
  }
}

function wasInterrupted(error: unknown): boolean {
  return isRpcError(error) && ['CONNECTION_LOST', 'SHUTTING_DOWN', 'WRONG_OFFSET'].includes(error.code)
}
