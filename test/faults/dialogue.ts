// A scripted dialogue through a link that is cut at one byte: calls, items, an error, a cancel. Says what did not hold.
import { type Client, createClient, isRpcError, safe } from 'trunkline/client'
import { type NodeServer, serve } from 'trunkline/node'
import { type CutManner, createFaultProxy, type Direction, type FaultProxy } from 'trunkline/testing'
import { type contract, Ledger } from './ledger.ts'

export interface Cut {
  readonly direction: Direction
  readonly manner: CutManner
  readonly bytes: number
  /** `first-flight`: calls are made before the first `welcome`; bytes count from the connection's first. */
  readonly at: 'dialogue' | 'first-flight'
}

type TestClient = Client<typeof contract>

/** The acts of one dialogue, and what was seen of them. */
class Script {
  readonly outcomes = new Map<number, Awaited<ReturnType<typeof outcomeOf>>>()
  readonly wrong: string[] = []
  #id = 0
  readonly #client: TestClient
  readonly #ledger: Ledger

  constructor(client: TestClient, ledger: Ledger) {
    this.#client = client
    this.#ledger = ledger
  }

  async act(waitMs?: number): Promise<void> {
    const id = ++this.#id
    this.outcomes.set(id, await outcomeOf(this.#client.api.act({ id, ...(waitMs ? { waitMs } : {}) })))
  }

  async ask(): Promise<void> {
    const id = ++this.#id
    const outcome = await safe(this.#client.api.ask({ id }))
    if (!outcome.ok || outcome.value !== id) this.wrong.push(`ask ${id}: ${outcome.ok || outcome.error}`)
  }

  async refuse(isTruthEnough: boolean): Promise<void> {
    const id = ++this.#id
    const outcome = await safe(this.#client.api.refuse({ id }))
    const runs = this.#ledger.refused.length
    const isRefused = !outcome.ok && outcome.error.code === 'REFUSED'
    if (isRefused ? runs !== 1 : !isTruthEnough || runs > 1) this.wrong.push(`refuse ${id}: ${runs} runs`)
  }

  /** Cancels a call that runs: the handler hears of it, whatever happens to the link. */
  async cancel(): Promise<void> {
    const id = ++this.#id
    const controller = new AbortController()
    const call = safe(this.#client.api.hang({ id }, { signal: controller.signal }))
    await this.ask()
    controller.abort()
    const outcome = await call
    if (outcome.ok || !['CANCELLED', 'CONNECTION_LOST'].includes(outcome.error.code)) this.wrong.push(`cancel ${id}`)
  }

  check(isExactlyOnce: boolean): void {
    for (const [id, { ok, delivery }] of this.outcomes) {
      const runs = this.#ledger.acts.filter((act) => act === id).length
      const isTrue = ok ? runs === 1 : !isExactlyOnce && (delivery === 'unknown' ? runs <= 1 : runs === 0)
      if (!isTrue) this.wrong.push(`act ${id}: ran ${runs} times, told ${ok ? 'ok' : delivery}`)
    }
  }
}

async function outcomeOf(call: Promise<number>): Promise<{ ok: boolean; delivery?: string }> {
  try {
    await call
    return { ok: true }
  } catch (error) {
    if (!isRpcError(error) || error.code !== 'CONNECTION_LOST') return { ok: false, delivery: String(error) }
    return { ok: false, delivery: error.delivery }
  }
}

export interface Outcome {
  /** False when the dialogue ended before that byte. */
  readonly wasCut: boolean
  /** What did not hold, in words. */
  readonly wrong: readonly string[]
  readonly resumes: number
}

/** A server and a proxy for dialogues, one after another; each has a ledger of its own by being the only one. */
export async function holdDialogue(cut: Cut, prepare?: (proxy: FaultProxy) => void): Promise<Outcome> {
  const ledger = new Ledger()
  const server = await serve(ledger.app, { host: '127.0.0.1', onError: () => {} })
  const proxy = await createFaultProxy({ target: server.url })
  prepare?.(proxy)
  // Short waits, and nothing else that is not the default: the dialogue is held some thousand times.
  const client = createClient<typeof contract>({ url: proxy.url(), reconnect: { minMs: 1, baseMs: 1, maxMs: 20 } })
  const from = cut.at === 'dialogue' ? 'upgrade' : 'start'
  let wasCut = false
  proxy.cutAfter({ ...cut, from }).then((isCut) => {
    wasCut = isCut
  })
  const script = new Script(client, ledger)
  try {
    // In the dialogue a cut before the first `welcome` costs an attempt, and no call.
    if (cut.at === 'dialogue') await client.connection.connect()
    await speak(client, ledger, script, cut.at === 'first-flight')
    script.check(cut.at === 'dialogue')
    await leave(client, server, script)
  } finally {
    await client.connection.close()
    await proxy.close()
    await server.close({ drainMs: 0 })
  }
  return { wasCut, wrong: script.wrong, resumes: client.connection.stats().resumes }
}

const acts = 8

async function speak(client: TestClient, ledger: Ledger, script: Script, isFirstFlight: boolean): Promise<void> {
  const gaps: string[] = []
  client.connection.on('gap', ({ path, reason }) => gaps.push(`${path}: ${reason}`))
  if (isFirstFlight) await Promise.all([script.act(), script.act(), script.ask(), script.refuse(true)])
  // It takes up what was written down before it: the journal is complete from its beginning.
  const journal = client.api.journal()[Symbol.asyncIterator]()
  const feed = await client.api.feed()
  const before = ledger.acts.length
  const counted: number[] = []
  const counting = (async () => {
    for await (const item of client.api.count(12, { onGap: () => void counted.splice(0) })) counted.push(item)
  })()
  if (!isFirstFlight) await script.refuse(false)
  await Promise.all([script.act(), script.act(2), script.ask()])
  await script.cancel()
  while (ledger.acts.length < acts) await script.act()
  await counting
  const seen = await take(journal, ledger.acts.length)
  const fed = await take(feed[Symbol.asyncIterator](), ledger.acts.length - before)
  if (String(seen) !== String(ledger.acts)) script.wrong.push(`journal ${seen} of ${ledger.acts}`)
  if (String(fed) !== String(ledger.acts.slice(before))) script.wrong.push(`feed ${fed} of ${ledger.acts}`)
  if (String(counted) !== '0,1,2,3,4,5,6,7,8,9,10,11') script.wrong.push(`count ${counted}`)
  if (gaps.length > 0 && !isFirstFlight) script.wrong.push(`gaps ${gaps}`)
  await journal.return?.()
}

async function take(iterator: AsyncIterator<number>, count: number): Promise<number[]> {
  const items: number[] = []
  while (items.length < count) {
    const { done, value } = await iterator.next()
    if (done) break
    items.push(value)
  }
  await iterator.return?.()
  return items
}

/** Nothing is left open: streams and calls once the last word has crossed, connections and sessions once the client has gone. */
async function leave(client: TestClient, server: NodeServer, script: Script): Promise<void> {
  await script.ask()
  const { calls, streams } = server.stats()
  if (calls + streams > 0) script.wrong.push(`left at the server: ${calls} calls, ${streams} streams`)
  const own = client.connection.stats()
  if (own.calls + own.streams + own.waiting > 0) script.wrong.push(`left at the client: ${JSON.stringify(own)}`)
  await client.connection.close()
}
