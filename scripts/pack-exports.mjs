// In the repository a package's `exports` are its sources, in the tarball its `dist`: `publishConfig.exports`.
// pnpm makes that exchange by itself when it packs; npm does not, so `prepack` and `postpack` do.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const [to] = process.argv.slice(2)
const kept = 'node_modules/.package.source.json'

if (to === 'dist') {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const { exports, ...publishConfig } = manifest.publishConfig
  copyFileSync('package.json', kept)
  writeFileSync('package.json', `${JSON.stringify({ ...manifest, exports, publishConfig }, null, 2)}\n`)
} else if (existsSync(kept)) {
  renameSync(kept, 'package.json')
}
