// What Cap'n Web's two ends agree on for the benchmark: types only.
import type { Payload } from '../../contender.ts'

export interface Api {
  echo(input: Payload): Promise<Payload>
  items(input: { count: number }): Promise<ReadableStream<Payload>>
  events(onEvent: (item: Payload) => void): Promise<void>
}
