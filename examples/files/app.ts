// The app: uploads, downloads and the list of files. Knows no port and no page, so that tests can run it in memory.
import { event } from 'trunkline'
import { implement, memoryPublisher } from 'trunkline/server'
import { files, type StoredFile } from './contract.ts'
import type { FileStore } from './store.ts'

/** Bytes of one file, unless told otherwise. */
export const usualMaxBytes = 8 * 1024 ** 3

export function createFiles(store: FileStore, maxBytes = usualMaxBytes) {
  const bus = memoryPublisher<{ files: StoredFile[] }>()
  const changed = () => bus.publish('files', store.list())

  return implement(files).handlers({
    files: {
      all: async function* ({ signal }) {
        // Only the newest list matters to a page that was slow.
        const changes = bus.subscribe('files', { signal, policy: 'latest' })
        yield store.list()
        yield* changes
      },

      status: async ({ input }) => {
        const file = store.file(input.id)
        return file ? { received: file.size, file } : { received: await store.received(input.id) }
      },

      put: async ({ input, items, errors }) => {
        const { id, name, size, offset } = input
        const known = store.file(id)
        // Its answer was lost.
        if (known) return known
        if (size > maxBytes) throw errors.TOO_BIG({ maxBytes })
        const freeBytes = await store.freeBytes()
        if (size - offset > freeBytes) throw errors.NO_SPACE({ freeBytes })
        const part = await store.begin(id)
        try {
          if (part.size !== offset) throw errors.WRONG_OFFSET({ received: part.size })
          for await (const chunk of items) {
            if (part.size + chunk.length > size) throw errors.TOO_BIG({ maxBytes: size })
            await part.write(chunk)
          }
          if (part.size < size) throw errors.WRONG_OFFSET({ received: part.size })
          const file = await store.finish(id, name, part)
          await changed()
          return file
        } catch (error) {
          if (isFull(error)) throw errors.NO_SPACE({ freeBytes: 0 })
          throw error
        } finally {
          await store.release(id, part)
        }
      },

      get: async function* ({ input, lastEventId, errors }) {
        let offset = Number(lastEventId ?? 0)
        const file = store.file(input.id)
        if (!file || !(offset >= 0 && offset <= file.size)) throw errors.NO_SUCH_FILE(input)
        if (offset === file.size) return
        for await (const chunk of store.read(file.id, offset)) {
          offset += chunk.length
          yield event(chunk, { id: String(offset) })
        }
      },

      remove: async ({ input }) => {
        await store.remove(input.id)
        await changed()
      },
    },
  })
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}
