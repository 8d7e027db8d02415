// The line to the server: one client a name. Only types come from the contract, so no schema reaches the page.
import { type Client, createClient, type RouterOutputs } from 'trunkline/client'
import type { chat } from '../contract.ts'

type Outputs = RouterOutputs<typeof chat>
export type Message = Outputs['rooms']['post']
export type Page = Outputs['rooms']['history']
export type Room = Outputs['rooms']['list'][number]
export type Typing = Outputs['people']['typing']

export interface Line extends Client<typeof chat> {
  /** Who speaks on it. */
  readonly name: string
}

export function dial(name: string): Line {
  return { name, ...createClient<typeof chat>({ url: '/rpc', params: { name } }) }
}

/** A page that waits for its server has nothing better to do. */
export const patient = { timeoutMs: 24 * 60 * 60 * 1000 }
