// The door `trunkline/testing`: a server and its clients in one process, and the faults of a network. For users' tests and our own.
export type { ByteFaults } from './byte-faults.ts'
export type { CutManner, FaultClock } from './byte-pipe.ts'
export { type Chaos, type ChaosCut, type ChaosOptions, createChaos } from './chaos.ts'
export type { Direction } from './direction.ts'
export { createFaultProxy, type FaultProxy, type FaultProxyOptions, type FaultProxyStats } from './fault-proxy.ts'
export { createPair, type Pair, type PairOptions } from './pair.ts'
export type { ByteStats, CutOptions, ProxyConnection } from './proxy-connection.ts'
export type { PairFrame, PairLink } from './wire.ts'
