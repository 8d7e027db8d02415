// In the repository a package's doors are its sources, in the tarball its `dist`: `main`, `types` and `exports` of
// `publishConfig`. pnpm makes that exchange by itself when it packs; npm does not, so `prepack` and `postpack` do.
import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'

const [to] = process.argv.slice(2)
const kept = 'node_modules/.package.source.json'

// One that is left over is of a pack that was interrupted.
if (existsSync(kept)) renameSync(kept, 'package.json')
if (to === 'dist') {
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const { access, ...doors } = manifest.publishConfig
  copyFileSync('package.json', kept)
  const published = { ...manifest, ...doors, publishConfig: { access } }
  delete published.devDependencies
  delete published.scripts
  writeFileSync('package.json', `${JSON.stringify(published, null, 2)}\n`)
}
