// What a contender brings: a server to start and a client to connect. Knows no transport and no row.

/** What every call, item and event carries. */
export interface Payload {
  text: string
}

export interface BenchServer {
  port: number
  /** Sends one event to all that asked for `events`, in whatever way the contender finds best. */
  emit(item: Payload): void
}

/** One connection. */
export interface BenchClient {
  echo(input: Payload): Promise<Payload>
  /** Subscribes to `count` items, reads them to the end and gives how many came. */
  items(count: number): Promise<number>
  /** Settles when subscribed; calls `onEvent` for each event from then on. */
  events(onEvent: (item: Payload) => void): Promise<void>
}

/** `contenders/<name>/server.ts` exports it as `start`. Binds 127.0.0.1 on port 0; lives as long as its process. */
export type Start = () => Promise<BenchServer>

/** `contenders/<name>/client.ts` exports it as `connect`. Lives as long as its process. */
export type Connect = (port: number) => Promise<BenchClient>

/** 64 bytes, so that figures compare with other benchmarks of small messages. */
const usualText = 'The quick brown fox jumps over the lazy dog, 64 bytes of text...'

/** Which row is measured says how long its text is; both processes inherit it. */
const length = Number(process.env.BENCH_PAYLOAD_BYTES ?? usualText.length)

export const payload: Payload = { text: usualText.repeat(Math.ceil(length / usualText.length)).slice(0, length) }
