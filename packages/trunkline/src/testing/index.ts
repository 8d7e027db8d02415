// The door `trunkline/testing`: a server and its clients in one process, without a network. For users' tests and our own.
export { createPair, type Pair, type PairOptions } from './pair.ts'
