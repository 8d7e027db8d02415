// The list of contenders, in the order they take turns. Knows nothing of how they work.
import type { RowName } from './rows.ts'

export interface Contender {
  name: string
  /** Packages whose versions are printed. */
  packages: string[]
  /** The rows it can run. @default all */
  rows?: RowName[]
}

export const contenders: Contender[] = [
  { name: 'raw', packages: ['ws', 'zod'] },
  { name: 'raw-batched', packages: ['ws', 'zod'] },
  { name: 'raw-prebuilt', packages: ['ws', 'zod'], rows: ['fan-out-1', 'fan-out-8'] },
  { name: 'trpc', packages: ['@trpc/server', '@trpc/client', 'ws'] },
  { name: 'orpc', packages: ['@orpc/server', '@orpc/client', 'ws'] },
  { name: 'socket.io', packages: ['socket.io', 'socket.io-client'] },
  { name: 'capnweb', packages: ['capnweb', 'ws'] },
  { name: 'birpc', packages: ['birpc', 'ws'] },
  { name: 'rpc-websockets', packages: ['rpc-websockets'] },
  { name: 'graphql-ws', packages: ['graphql-ws', 'graphql', 'ws'] },
  { name: 'trunkline', packages: ['trunkline', 'ws', 'zod'] },
]
