// The list of contenders, in the order they take turns. Knows nothing of how they work.
import type { RowName } from './rows.ts'

export interface Contender {
  name: string
  /** Packages whose versions are printed. */
  packages: string[]
  /** The rows it can run. @default all */
  rows?: RowName[]
  /** Rows it can't run, with the reason. */
  cannot?: Partial<Record<RowName, string>>
  /** A way of writing it by hand, and not a library. */
  isByHand?: true
}

const noReconnect = { resume: 'it does not reconnect by itself' } as const

export const contenders: Contender[] = [
  { name: 'raw', packages: ['ws', 'zod'], isByHand: true, cannot: noReconnect },
  { name: 'raw-batched', packages: ['ws', 'zod'], isByHand: true, cannot: noReconnect },
  {
    name: 'raw-prebuilt',
    packages: ['ws', 'zod'],
    isByHand: true,
    rows: ['fan-out-1', 'fan-out-8', 'fan-out-2000'],
  },
  { name: 'trpc', packages: ['@trpc/server', '@trpc/client', 'ws'] },
  { name: 'orpc', packages: ['@orpc/server', '@orpc/client', 'ws'], cannot: noReconnect },
  { name: 'socket.io', packages: ['socket.io', 'socket.io-client'] },
  { name: 'capnweb', packages: ['capnweb', 'ws'], cannot: noReconnect },
  { name: 'birpc', packages: ['birpc', 'ws'], cannot: noReconnect },
  { name: 'rpc-websockets', packages: ['rpc-websockets'] },
  { name: 'graphql-ws', packages: ['graphql-ws', 'graphql', 'ws'] },
  { name: 'trunkline', packages: ['trunkline', 'ws', 'zod'] },
]
