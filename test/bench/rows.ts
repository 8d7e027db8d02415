// The rows of the table: which work is measured. Knows no contender.

export type RowName = (typeof rows)[number]['name']

/** What a row's figures are: operations a second, of which more is better, or something of which less is. */
export type Kind =
  | { kind: 'calls'; inFlight: number }
  | { kind: 'items'; streams: number }
  | { kind: 'fan-out'; perTick: number }
  | { kind: 'connect' }
  | { kind: 'latency'; perSecond: number }
  | { kind: 'beside'; perSecond: number }
  | { kind: 'resume' }
  | { kind: 'memory'; clients: number }
  | { kind: 'wire' }

export type Row = Kind & {
  name: string
  title: string
  /** Opened before anything is measured. */
  connections: number
  /** Of the text that every call, item and event carries. @default 64 */
  payloadBytes?: number
}

export const rows = [
  { name: 'sequential', title: 'calls, one at a time', kind: 'calls', connections: 1, inFlight: 1 },
  { name: 'pipelined-16', title: 'calls, 1 connection, 16 in flight', kind: 'calls', connections: 1, inFlight: 16 },
  { name: 'pipelined', title: 'calls, 1 connection, 128 in flight', kind: 'calls', connections: 1, inFlight: 128 },
  {
    name: 'pipelined-1024',
    title: 'calls, 1 connection, 1 024 in flight',
    kind: 'calls',
    connections: 1,
    inFlight: 1024,
  },
  {
    name: 'pipelined-16B',
    title: 'calls of 16 B, 128 in flight',
    kind: 'calls',
    connections: 1,
    inFlight: 128,
    payloadBytes: 16,
  },
  {
    name: 'pipelined-1kB',
    title: 'calls of 1 kB, 128 in flight',
    kind: 'calls',
    connections: 1,
    inFlight: 128,
    payloadBytes: 1024,
  },
  {
    name: 'pipelined-16kB',
    title: 'calls of 16 kB, 128 in flight',
    kind: 'calls',
    connections: 1,
    inFlight: 128,
    payloadBytes: 16_384,
  },
  { name: 'connections', title: 'calls, 100 connections × 4 in flight', kind: 'calls', connections: 100, inFlight: 4 },
  { name: 'items', title: 'items of one subscription', kind: 'items', connections: 1, streams: 1 },
  { name: 'items-16B', title: 'items of 16 B', kind: 'items', connections: 1, streams: 1, payloadBytes: 16 },
  { name: 'items-1kB', title: 'items of 1 kB', kind: 'items', connections: 1, streams: 1, payloadBytes: 1024 },
  { name: 'items-16kB', title: 'items of 16 kB', kind: 'items', connections: 1, streams: 1, payloadBytes: 16_384 },
  {
    name: 'streams',
    title: 'items of 1 000 subscriptions on one socket',
    kind: 'items',
    connections: 1,
    streams: 1000,
  },
  { name: 'fan-out-1', title: 'fan-out to 200, 1 event a tick', kind: 'fan-out', connections: 200, perTick: 1 },
  { name: 'fan-out-8', title: 'fan-out to 200, 8 events a tick', kind: 'fan-out', connections: 200, perTick: 8 },
  { name: 'fan-out-2000', title: 'fan-out to 2 000, 1 event a tick', kind: 'fan-out', connections: 2000, perTick: 1 },
  { name: 'connect', title: '200 connections opened, with a first call each', kind: 'connect', connections: 0 },
  { name: 'latency', title: 'a call at 500 calls/s', kind: 'latency', connections: 1, perSecond: 500 },
  {
    name: 'beside',
    title: 'a call at 500 calls/s, alone and beside a stream as fast as it goes',
    kind: 'beside',
    connections: 1,
    perSecond: 500,
  },
  {
    name: 'resume',
    title: 'from the cut of the socket to the next answer (5 cuts, asked 10 ms after each)',
    kind: 'resume',
    connections: 1,
  },
  {
    name: 'memory',
    title: 'memory of the server, a connection (5 000, once)',
    kind: 'memory',
    connections: 1,
    clients: 5000,
  },
  { name: 'wire', title: 'bytes on the wire, a call there and back (2 048 calls, once)', kind: 'wire', connections: 1 },
] as const satisfies Row[]
