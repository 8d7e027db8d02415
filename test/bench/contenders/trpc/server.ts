// tRPC's server as its documentation sets it up: the `ws` adapter, streams as async generators, events from an EventEmitter.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { WebSocketServer } from 'ws'
import type { BenchServer } from '../../contender.ts'
import { emit, router } from './router.ts'

export async function start(): Promise<BenchServer> {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  applyWSSHandler({ wss, router, createContext: () => ({}) })
  await once(wss, 'listening')
  return { port: (wss.address() as AddressInfo).port, emit } // an address object, since it listens on a port
}
