// The seed of a fault that chooses at random: FAULT_SEED, or a new one. It is printed either way. Does not know what is chosen.
import { type Chaos, type ChaosOptions, createChaos } from 'trunkline/testing'

export function seededChaos(options: Omit<ChaosOptions, 'seed' | 'print'> = {}): Chaos {
  const { FAULT_SEED } = process.env
  const print = (line: string): void => console.info(line.replace(/.*seed: (\d+).*/, 'FAULT_SEED=$1 replays this run'))
  return createChaos({ ...options, ...(FAULT_SEED ? { seed: Number(FAULT_SEED) } : {}), print })
}
