// The app in memory, with a folder of its own: what comes in is what goes out, whatever happens to the line or the server.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { safe } from 'trunkline/client'
import { createPair, type Pair } from 'trunkline/testing'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFiles } from '../app.ts'
import type { files } from '../contract.ts'
import { type Course, upload } from '../src/upload.ts'
import { FileStore } from '../store.ts'

const id = '0123456789abcdef01234567'
const bytes = randomBytes(3_000_000)
const sha256 = createHash('sha256').update(bytes).digest('hex')
const maxBytes = 4_000_000

type Piece = Uint8Array<ArrayBuffer>

let folder: string
let pair: Pair<typeof files>
let api: ReturnType<typeof client>

const client = () => pair.createClient({ reconnect: { minMs: 1, baseMs: 1 } }).api.files

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'files-'))
  pair = createPair(createFiles(await FileStore.open(folder), maxBytes))
  api = client()
})
afterEach(async () => {
  await pair.close()
  await rm(folder, { recursive: true, force: true })
})

const pieces = (from = 0, to = bytes.length): Piece[] => {
  const found: Piece[] = []
  for (let at = from; at < to; at += 100_000) found.push(bytes.subarray(at, Math.min(at + 100_000, to)))
  return found
}
const put = (input: Partial<Parameters<typeof api.put>[0]> = {}, send: Iterable<Piece> = pieces()) =>
  api.put({ id, name: 'tour.mp4', size: bytes.length, offset: 0, ...input }, { send })

async function fetched(): Promise<Buffer> {
  const found: Uint8Array[] = []
  for await (const chunk of api.get({ id })) found.push(chunk.slice())
  return Buffer.concat(found)
}

/** What the page does, with a hand on its course. */
function send(moved: (bytes: number) => void = () => {}): ReturnType<typeof upload> {
  const course: Course = { signal: new AbortController().signal, mayMove: async () => {}, moved }
  return upload(api, id, new File([bytes], 'tour.mp4'), course)
}

describe('a file', () => {
  it('is stored as it was sent, with its checksum, and is fetched as it was stored', async () => {
    expect(await put()).toEqual({ id, name: 'tour.mp4', size: bytes.length, sha256, at: expect.any(Date) })
    expect((await fetched()).equals(bytes)).toBe(true)
  })

  it('may be empty', async () => {
    expect(await put({ size: 0 }, [])).toMatchObject({ size: 0, sha256: createHash('sha256').digest('hex') })
    expect(await fetched()).toHaveLength(0)
  })

  it.each(['../../etc/passwd', '/etc/passwd', 'C:\\boot.ini', 'a\0b', '💥'])(
    'called %j is kept under its id, and nowhere else',
    async (name) => {
      await put({ name, size: 0 }, [])
      expect((await readdir(folder)).sort()).toEqual([`${id}.data`, `${id}.json`])
      const again = await FileStore.open(folder)
      expect(again.list().map((file) => file.name)).toEqual([name])
    },
  )

  it.each(['../secrets', `${id}/x`, id.toUpperCase(), ''])('can not have the id %j', async (wrong) => {
    for (const call of [put({ id: wrong }), api.status({ id: wrong }), api.remove({ id: wrong })])
      expect(await safe<unknown, { code: string }>(call as never)).toMatchObject({ error: { code: 'BAD_REQUEST' } })
    expect(await readdir(folder)).toEqual([])
  })

  it('is there after a restart; one whose bytes are cut off is not', async () => {
    await put()
    expect((await FileStore.open(folder)).list()).toMatchObject([{ id, sha256 }])
    await truncate(join(folder, `${id}.data`), 10)
    expect((await FileStore.open(folder)).list()).toEqual([])
  })

  it('is gone from the list and the folder when it is removed', async () => {
    const lists = api.all()[Symbol.asyncIterator]()
    expect((await lists.next()).value).toEqual([])
    await put()
    expect((await lists.next()).value).toMatchObject([{ id }])
    await api.remove({ id })
    expect((await lists.next()).value).toEqual([])
    expect(await readdir(folder)).toEqual([])
    expect(await safe(api.get({ id }))).toMatchObject({ ok: true })
    await expect(fetched()).rejects.toMatchObject({ code: 'NO_SUCH_FILE', data: { id } })
  })
})

describe('an upload', () => {
  it('that is too big is refused before a byte is sent, and one that lies when it gets there', async () => {
    const refused = await safe(put({ size: maxBytes + 1 }))
    expect(refused).toMatchObject({ error: { code: 'TOO_BIG', data: { maxBytes } } })
    expect(await safe(put({ size: 1_000 }))).toMatchObject({ error: { code: 'TOO_BIG' } })
  })

  it('that begins elsewhere than where the server is hears where that is', async () => {
    const refused = await safe(put({ offset: 100_000 }))
    expect(refused).toMatchObject({ error: { code: 'WRONG_OFFSET', data: { received: 0 } } })
  })

  it('that ends too early is kept, and goes on there', async () => {
    expect(await safe(put({}, pieces(0, 1_000_000)))).toMatchObject({
      error: { code: 'WRONG_OFFSET', data: { received: 1_000_000 } },
    })
    expect(await api.status({ id })).toEqual({ received: 1_000_000 })
    expect(await put({ offset: 1_000_000 }, pieces(1_000_000))).toMatchObject({ size: bytes.length, sha256 })
  })

  it('whose answer was lost is answered once more', async () => {
    const file = await put()
    expect(await api.status({ id })).toEqual({ received: bytes.length, file })
    expect(await put()).toEqual(file)
  })

  it('makes room for another of the same file: of two writers the last one writes', async () => {
    const first = api.put({ id, name: 'tour.mp4', size: bytes.length, offset: 0 })
    await first.send(pieces()[0] as Piece)
    await expect.poll(async () => (await api.status({ id })).received).toBe(100_000)
    const second = put({ offset: 100_000 }, pieces(100_000))
    expect(await second).toMatchObject({ sha256 })
    await expect(first.send(pieces()[0] as Piece).then(() => first)).rejects.toBeDefined()
  })

  it('that was given up a day ago is cleared away at the next start', async () => {
    await safe(put({}, pieces(0, 1_000_000)))
    const part = join(folder, `${id}.part`)
    expect((await stat(part)).size).toBe(1_000_000)
    await FileStore.open(folder)
    expect(await readdir(folder)).toEqual([`${id}.part`])
    const yesterday = Date.now() / 1000 - 25 * 3600
    await utimes(part, yesterday, yesterday)
    await writeFile(join(folder, 'half.json'), '{"id":')
    await FileStore.open(folder)
    expect(await readdir(folder)).toEqual(['half.json'])
  })
})

describe('the page', () => {
  it('sends on where it was when the line is cut', async () => {
    const course: number[] = []
    const sent = await send((moved) => {
      course.push(moved)
      if (course.length % 3 === 0) pair.cut()
    })
    expect(sent).toMatchObject({ sha256, file: { sha256, size: bytes.length } })
    expect(course).toEqual(course.toSorted((one, other) => one - other))
    expect(pair.links.length).toBeGreaterThan(3)
  })

  it('asks the server what it has when that has started anew, and goes on there', async () => {
    let restarted: Promise<void> | undefined
    const before: number[] = []
    const after: number[] = []
    const sent = await send((moved) => {
      if (restarted) after.push(moved)
      else before.push(moved)
      if (moved > 1_000_000) restarted ??= pair.restart()
    })
    await restarted
    expect(sent).toMatchObject({ sha256, file: { sha256 } })
    // Not from the beginning: what was on its way is sent once more, and no more than that.
    expect(Math.min(...after)).toBeGreaterThan((before.at(-1) ?? 0) - 600_000)
  })
})

it('a download goes on behind what has come when the line is cut, and when the server starts anew', async () => {
  await put()
  const found: Uint8Array[] = []
  for await (const chunk of api.get({ id })) {
    found.push(chunk.slice())
    if (found.length === 5) pair.cut()
    if (found.length === 12) await pair.restart()
  }
  expect(Buffer.concat(found).equals(bytes)).toBe(true)
})
