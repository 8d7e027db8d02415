// oRPC's server as its documentation sets it up: RPCHandler on `ws`, event iterators for streams, EventPublisher for events.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { RPCHandler } from '@orpc/server/ws'
import { WebSocketServer } from 'ws'
import type { BenchServer } from '../../contender.ts'
import { emit, router } from './router.ts'

export async function start(): Promise<BenchServer> {
  const handler = new RPCHandler(router)
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  wss.on('connection', (socket) => void handler.upgrade(socket, { context: {} }))
  await once(wss, 'listening')
  return { port: (wss.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
