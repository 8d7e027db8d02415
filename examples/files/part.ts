// A file while it arrives: what came is written behind what is there, and hashed on its way. Knows no caller.
import { createHash, type Hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { RpcError } from 'trunkline'

export class Part {
  /** Bytes on disk. */
  size = 0
  readonly #file: FileHandle
  readonly #hash: Hash = createHash('sha256')
  #writing: Promise<void> = Promise.resolve()
  #closing: Promise<void> | undefined

  /** Opens it on a file that may be there already: then what it holds is hashed first. */
  static async open(path: string): Promise<Part> {
    const part = new Part(await open(path, 'a'))
    try {
      for await (const chunk of createReadStream(path)) part.#count(chunk)
      return part
    } catch (error) {
      await part.close()
      throw error
    }
  }

  private constructor(file: FileHandle) {
    this.#file = file
  }

  /** Resolves when it is written: whoever waits for that sends no faster than the disk takes. */
  async write(chunk: Uint8Array): Promise<void> {
    if (this.#closing) throw new RpcError('CANCELLED', { message: 'Somebody else goes on with this file' })
    this.#writing = this.#file.appendFile(chunk)
    await this.#writing
    this.#count(chunk)
  }

  /** Of all that was written; the part is at its end then. */
  digest(): string {
    return this.#hash.digest('hex')
  }

  /** Nothing is written any more when it resolves. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    // Whoever wrote has heard of its failure.
    await this.#writing.catch(() => {})
    await this.#file.close()
  }

  #count(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.size += chunk.length
  }
}
