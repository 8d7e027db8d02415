// In the repository a package's doors are its sources, in the tarball its `dist`: `main`, `types` and `exports` of
// `publishConfig`. pnpm makes that exchange by itself when it packs; npm does not, so `prepack` and `postpack` do.
// The page that messages point to comes along, and leaves with them.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

const [to] = process.argv.slice(2)
const kept = 'node_modules/.package.source.json'

// One that is left over is of a pack that was interrupted.
if (existsSync(kept)) renameSync(kept, 'package.json')
rmSync('docs', { recursive: true, force: true })
if (to === 'dist') {
  mkdirSync('docs')
  copyFileSync('../../docs/mistakes.md', 'docs/mistakes.md')
  const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
  const { access, ...doors } = manifest.publishConfig
  copyFileSync('package.json', kept)
  const published = { ...manifest, ...doors, publishConfig: { access } }
  delete published.devDependencies
  delete published.scripts
  writeFileSync('package.json', `${JSON.stringify(published, null, 2)}\n`)
}
