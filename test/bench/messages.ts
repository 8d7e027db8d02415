// What the processes of a measurement tell each other over IPC. Knows no row and no contender.

/** main → client process, as its argument. */
export interface Job {
  row: string
  contender: string
}

/** main → client process: work for about this long. */
export interface Go {
  durationMs: number
}

/** client process → main: `ready` once connected, and one more for each Go. */
export type Report =
  | { type: 'ready' }
  | { type: 'measured'; measurement: Measurement }
  | { type: 'failed'; reason: string }

export interface Measurement {
  /** What the row is about where it isn't speed, by name and unit: less is better. */
  figures?: Record<string, number> | undefined
  operations: number
  seconds: number
  clientCpuSeconds: number
  serverCpuSeconds: number
}

/** client process → server process, its child. `confirm` counts ticks since `tick`. */
export type Order =
  | { type: 'cpu' }
  | { type: 'memory' }
  | { type: 'tick'; eventsPerTick: number; durationMs: number }
  | { type: 'confirm'; ticks: number }

/** server process → client process. */
export type Answer =
  | { type: 'ready'; port: number }
  | { type: 'cpu'; seconds: number }
  | { type: 'memory'; bytes: number }
  | { type: 'ticked'; ticks: number }

/** Processor time of this process since it began, on all its threads. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}
