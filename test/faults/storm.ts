// Calls and subscriptions for a while, through whatever happens to the link and the server, held against the server's ledger at the end.
import { type Client, isRpcError } from 'trunkline/client'
import type { contract } from './ledger.ts'

export interface StormReport {
  /** Acts that were answered, and those that were not, by what their callers were told. */
  readonly done: Set<number>
  readonly failed: Map<number, string>
  /** Ids of acts as the journal and the feed have told them. */
  readonly journal: number[]
  readonly feed: number[]
  readonly gaps: string[]
}

const callers = 32

/** Makes calls until `isOver`, then reads both subscriptions to their end. */
export async function storm({ api, connection }: Client<typeof contract>, isOver: () => boolean): Promise<StormReport> {
  const report: StormReport = { done: new Set(), failed: new Map(), journal: [], feed: [], gaps: [] }
  connection.on('gap', ({ path, reason }) => report.gaps.push(`${path}: ${reason}`))
  const journal = await api.journal()
  const feed = await api.feed()
  const last = -1
  const read = async (items: AsyncIterable<number>, into: number[]): Promise<void> => {
    for await (const id of items) {
      if (id === last) return
      into.push(id)
    }
  }
  const reading = [read(journal, report.journal), read(feed, report.feed)]
  let next = 0
  const call = async (): Promise<void> => {
    while (!isOver()) {
      const id = next++
      try {
        await api.act({ id })
        report.done.add(id)
      } catch (error) {
        report.failed.set(id, isRpcError(error) ? `${error.code} ${error.delivery}` : String(error))
      }
    }
  }
  await Promise.all(Array.from({ length: callers }, call))
  await api.act({ id: last })
  await Promise.all(reading)
  return report
}

/** What does not fit the ledger, in words. */
export function holdAgainst(ledger: readonly number[], { done, failed, journal, feed, gaps }: StormReport): string[] {
  const wrong: string[] = []
  const acts = ledger.filter((id) => id >= 0)
  const runs = new Set(acts)
  if (runs.size !== acts.length) wrong.push(`${acts.length - runs.size} acts ran twice`)
  for (const id of done) if (!runs.has(id)) wrong.push(`act ${id} was answered and never ran`)
  for (const [id, told] of failed) {
    if (told.endsWith('not-run') ? runs.has(id) : !told.endsWith('unknown'))
      wrong.push(`act ${id}: told ${told}, ran: ${runs.has(id)}`)
  }
  for (const id of runs) if (!done.has(id) && !failed.has(id)) wrong.push(`act ${id} ran for nobody`)
  if (String(journal) !== String(acts))
    wrong.push(`the journal has ${journal.length} of ${acts.length} acts, or another order`)
  if (gaps.length === 0 && String(feed) !== String(acts))
    wrong.push(`the feed has ${feed.length} of ${acts.length} acts, or another order`)
  if (new Set(feed).size !== feed.length) wrong.push('the feed told something twice')
  if (gaps.some((gap) => gap.startsWith('journal'))) wrong.push(`gaps: ${gaps}`)
  return wrong
}
