// The rows of the table: which work is measured. Knows no contender.

export type RowName = 'sequential' | 'pipelined' | 'connections' | 'items' | 'fan-out-1' | 'fan-out-8'

export type Row = { name: RowName; title: string; connections: number } & (
  | { kind: 'calls'; inFlight: number }
  | { kind: 'items' }
  | { kind: 'fan-out'; perTick: number }
)

export const rows: Row[] = [
  { name: 'sequential', title: 'calls, one at a time', kind: 'calls', connections: 1, inFlight: 1 },
  { name: 'pipelined', title: 'calls, 1 connection, 128 in flight', kind: 'calls', connections: 1, inFlight: 128 },
  { name: 'connections', title: 'calls, 100 connections × 4 in flight', kind: 'calls', connections: 100, inFlight: 4 },
  { name: 'items', title: 'items of one subscription', kind: 'items', connections: 1 },
  { name: 'fan-out-1', title: 'fan-out to 200, 1 event a tick', kind: 'fan-out', connections: 200, perTick: 1 },
  { name: 'fan-out-8', title: 'fan-out to 200, 8 events a tick', kind: 'fan-out', connections: 200, perTick: 8 },
]
