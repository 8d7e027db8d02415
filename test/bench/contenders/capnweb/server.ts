// Cap'n Web's server as its documentation sets it up: an RpcTarget on `ws`, a ReadableStream for a stream, a callback for events.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { newWebSocketRpcSession, type RpcStub, RpcTarget } from 'capnweb'
import { WebSocket as NodeWebSocket, WebSocketServer } from 'ws'
import { type BenchServer, type Payload, payload } from '../../contender.ts'
import { CountSchema, PayloadSchema } from '../../schema.ts'

// It reads the constants of the global one, which Node 20 has not.
globalThis.WebSocket ??= NodeWebSocket as unknown as typeof globalThis.WebSocket

type Listener = (item: Payload) => void
const listeners = new Set<RpcStub<Listener>>()

class Api extends RpcTarget {
  echo(input: unknown): Payload {
    return PayloadSchema.parse(PayloadSchema.parse(input))
  }

  items(input: unknown): ReadableStream<Payload> {
    const { count } = CountSchema.parse(input)
    let made = 0
    return new ReadableStream<Payload>({
      pull(controller) {
        if (made++ < count) controller.enqueue(PayloadSchema.parse(payload))
        else controller.close()
      },
    })
  }

  /** A stub that is an argument ends with its call; a duplicate lives on. */
  events(onEvent: RpcStub<Listener>): void {
    listeners.add(onEvent.dup())
  }
}

function emit(item: Payload): void {
  const event = PayloadSchema.parse(item)
  // Nobody waits for what a listener answers.
  for (const listener of listeners) (listener(event) as unknown as Disposable)[Symbol.dispose]()
}

export async function start(): Promise<BenchServer> {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  // `ws` has the methods it needs.
  wss.on('connection', (socket) => newWebSocketRpcSession(socket as unknown as WebSocket, new Api()))
  await once(wss, 'listening')
  return { port: (wss.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
