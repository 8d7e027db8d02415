// What a page pays for a client, minified and gzipped: Trunkline's door as published, and the peers'. Knows nothing of speed.
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'

export interface DoorSize {
  name: string
  minified: number
  gzipped: number
}

/** The part of esbuild used here; it is installed with tsup, so its types aren't in reach. */
interface Esbuild {
  build(options: object): Promise<{ outputFiles: { contents: Uint8Array }[] }>
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const { build }: Esbuild = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild')

/** What a page imports to make a client that calls and subscribes, as each documentation shows it. */
const doors = {
  trpc: "export { createTRPCClient, createWSClient, wsLink } from '@trpc/client'",
  orpc: "export { createORPCClient } from '@orpc/client'; export { RPCLink } from '@orpc/client/websocket'",
  'socket.io': "export { io } from 'socket.io-client'",
  capnweb: "export { newWebSocketRpcSession } from 'capnweb'",
  birpc: "export { createBirpc } from 'birpc'",
  'rpc-websockets': "export { Client } from 'rpc-websockets'",
  'graphql-ws': "export { createClient } from 'graphql-ws'",
}

/** @param packageFolder holds Trunkline as npm would publish it */
export async function measureDoors(packageFolder: string): Promise<DoorSize[]> {
  const own = `export { createClient } from ${JSON.stringify(join(packageFolder, 'dist/client.js'))}`
  const sizes: DoorSize[] = []
  for (const [name, text] of Object.entries({ ...doors, trunkline: own })) sizes.push(await measure(name, text))
  return sizes.sort((one, other) => one.gzipped - other.gzipped)
}

async function measure(name: string, contents: string): Promise<DoorSize> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    bundle: true,
    minify: true,
    write: false,
    platform: 'browser',
    format: 'esm',
    target: 'es2022',
    logLevel: 'silent',
  })
  const [file] = outputFiles
  if (!file) throw new Error(`${name} made no bundle`)
  return { name, minified: file.contents.length, gzipped: gzipSync(file.contents, { level: 9 }).length }
}
