// What birpc's two ends agree on for the benchmark: types only.
import type { Payload } from '../../contender.ts'

export interface ServerFunctions {
  echo(input: unknown): Payload
  items(input: unknown, id: number): Promise<void>
  events(): void
}

export interface ClientFunctions {
  item(id: number, item: Payload): void
  event(item: Payload): void
}
