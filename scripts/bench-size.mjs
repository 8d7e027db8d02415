// `npm run bench:size`: what a page pays for a client, Trunkline's and the peers'. Knows no limit: that is `npm run size`.
import { dirname, join } from 'node:path'
import { register } from 'tsx/esm/api'
import { pack } from './pack.mjs'

register()
const { measureDoors } = await import('../test/bench/door-size.ts')

console.log('a client in a browser bundle, kB minified and gzipped (minified)')
for (const { name, minified, gzipped } of await measureDoors(join(dirname(pack()), 'package'))) {
  console.log(`  ${name.padEnd(16)}${(gzipped / 1000).toFixed(1).padStart(6)}  (${(minified / 1000).toFixed(1)})`)
}
