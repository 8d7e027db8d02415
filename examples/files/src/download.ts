// Fetches one file, piece by piece. A line that breaks, and a server that starts anew, are the subscription's own business.
import { createSHA256 } from 'hash-wasm'
import { type Api, patient, type StoredFile } from './line.ts'
import type { Course, Moved } from './upload.ts'

/** Pieces are folded into a Blob at this size: from then on the browser keeps them, on disk when they are many. */
const foldBytes = 8 * 1024 * 1024

export async function download(api: Api, file: StoredFile, course: Course): Promise<Moved & { blob: Blob }> {
  const hash = await createSHA256()
  let blob = new Blob()
  let pieces: Uint8Array<ArrayBuffer>[] = []
  let loose = 0
  // Each piece has the offset behind it as its id, so nothing can be missing; should it be, that is an error.
  for await (const chunk of api.get({ id: file.id }, { ...patient, signal: course.signal, onGap: 'error' })) {
    await course.mayMove()
    hash.update(chunk)
    // Own memory, since a piece is a view of the frame that it came in.
    pieces.push(chunk.slice())
    loose += chunk.length
    course.moved(blob.size + loose)
    if (loose < foldBytes) continue
    blob = new Blob([blob, ...pieces])
    pieces = []
    loose = 0
  }
  return { file, sha256: hash.digest(), blob: new Blob([blob, ...pieces]) }
}

/** Hands it to the browser's own list of downloads. */
export function save(blob: Blob, name: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(blob)
  link.download = name
  link.click()
  // The browser has to have begun to read it; a minute is plenty.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
