// The line to the server. Only types come from the contract, so no schema reaches the page.
import { type Client, createClient, type RouterOutputs } from 'trunkline/client'
import type { files } from '../contract.ts'

export type StoredFile = RouterOutputs<typeof files>['files']['all'][number]
export type Line = Client<typeof files>
export type Api = Line['api']['files']

export const dial = (): Line => createClient<typeof files>({ url: '/rpc' })

/** A page that waits for its server has nothing better to do. */
export const patient = { timeoutMs: 24 * 60 * 60 * 1000 }

export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
