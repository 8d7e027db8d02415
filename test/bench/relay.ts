// A TCP relay in the client's process, between its clients and the server: counts bytes, and cuts. Does not read them.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export class Relay {
  /** That have passed, both ways. */
  bytes = 0
  readonly port: number
  readonly #sockets: Set<Socket>

  private constructor(port: number, sockets: Set<Socket>) {
    this.port = port
    this.#sockets = sockets
  }

  static async to(serverPort: number): Promise<Relay> {
    const sockets = new Set<Socket>()
    const server = createServer({ noDelay: true }, (near) => {
      const far = connect({ port: serverPort, host: '127.0.0.1', noDelay: true })
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from)
        from.on('data', (chunk) => {
          relay.bytes += chunk.length
          to.write(chunk)
        })
        // Ended or cut: the other half has nobody any more.
        from.on('error', () => {})
        from.on('close', () => {
          sockets.delete(from)
          to.destroy()
        })
      }
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const relay = new Relay((server.address() as AddressInfo).port, sockets) // an address object, since it listens on a port
    return relay
  }

  /** All that is connected is lost, as by a router that restarts. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}
