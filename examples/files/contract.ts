// What both ends agree on. Data only: the server checks with it, the page imports nothing but its types.
import { mutation, query, router, subscription, upload } from 'trunkline'
import { z } from 'zod'

/** Chosen by the page, and all that ever becomes part of a path. */
const Id = z.string().regex(/^[0-9a-f]{24}$/)
const One = z.object({ id: Id })
const Bytes = z.int().min(0)

/** A piece of a file: small enough for one message, large enough that thousands a second are never needed. */
const Chunk = z.instanceof(Uint8Array)

export const StoredFile = One.extend({
  name: z.string().trim().min(1).max(255),
  size: Bytes,
  /** Of what the server has written, in hexadecimal: whoever sent or fetched the file compares it with its own. */
  sha256: z.string().length(64),
  at: z.date(),
})
export type StoredFile = z.infer<typeof StoredFile>

export const files = router({
  files: {
    /** All files, now and after each change. */
    all: subscription({ output: z.array(StoredFile) }),
    /** How much the server has of a file; `file` when it has all. */
    status: query({ input: One, output: z.object({ received: Bytes, file: StoredFile.optional() }) }),
    /** Takes a file from `offset` on. */
    put: upload({
      input: StoredFile.pick({ id: true, name: true, size: true }).extend({ offset: Bytes }),
      send: Chunk,
      output: StoredFile,
      errors: {
        TOO_BIG: z.object({ maxBytes: Bytes }),
        NO_SPACE: z.object({ freeBytes: Bytes }),
        /** The server has more, or less, than that: go on behind `received`. */
        WRONG_OFFSET: z.object({ received: Bytes }),
      },
    }),
    /** Gives a file in pieces; the id of each is the offset behind it, so that a broken download goes on there. */
    get: subscription({ input: One, output: Chunk, errors: { NO_SUCH_FILE: One } }),
    /** Removes a file, or what came of one. */
    remove: mutation({ input: One, idempotent: true }),
  },
})
