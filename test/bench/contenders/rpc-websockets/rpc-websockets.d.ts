// What the benchmark uses of rpc-websockets: its own types are out of reach, since its package.json names them under `node` alone.
declare module 'rpc-websockets' {
  import type { EventEmitter } from 'node:events'
  import type { WebSocketServer } from 'ws'

  export class Server extends EventEmitter {
    readonly wss: WebSocketServer
    constructor(options: { host: string; port: number })
    register<Params>(name: string, method: (params: Params) => unknown): unknown
    event(name: string): unknown
  }

  export class Client {
    constructor(url: string)
    on(name: string, listener: (...args: never[]) => void): this
    call(method: string, params: object): Promise<unknown>
    subscribe(event: string): Promise<unknown>
  }
}
