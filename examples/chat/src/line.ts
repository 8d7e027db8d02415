// The line to the server: one client a name. Only types come from the contract, so no schema reaches the page.
import { createClient, type RouterClient, type RouterOutputs } from 'trunkline/client'
import type { chat } from '../contract.ts'

export type Api = RouterClient<typeof chat>
export type Message = RouterOutputs<typeof chat>['rooms']['post']
export type Room = RouterOutputs<typeof chat>['rooms']['list'][number]

export function dial(name: string) {
  return { name, ...createClient<typeof chat>({ url: '/rpc', params: { name } }) }
}

export type Line = ReturnType<typeof dial>

/** For what a page reads: while the server is away there is nothing better to do than to wait for it. */
export const patient = { timeoutMs: 24 * 60 * 60 * 1000 }

/**
 * Reads a subscription as long as it lasts, and gives the undo: an effect can return it.
 * @param open makes the subscription; the signal ends it
 */
export function listen<Item>(
  open: (signal: AbortSignal) => AsyncIterable<Item>,
  onItem: (item: Item) => void,
  onError: (error: Error) => void = console.error,
): () => void {
  const leaving = new AbortController()
  const read = async () => {
    for await (const item of open(leaving.signal)) onItem(item)
  }
  read().catch((error) => {
    if (!leaving.signal.aborted) onError(error)
  })
  return () => leaving.abort()
}
