// `npm run bench:types`: what the types of 200 procedures cost each compiler, in instantiations. Knows no limit.
import { dirname, join } from 'node:path'
import { register } from 'tsx/esm/api'
import { pack } from './pack.mjs'

register()
const { measureTypeCost } = await import('../test/bench/types/measure.ts')
const packageFolder = join(dirname(pack()), 'package')
for (const compiler of ['typescript', 'typescript-7']) {
  const { bothEnds, zodTypes } = await measureTypeCost(compiler, packageFolder)
  const ratio = (bothEnds / zodTypes).toFixed(2)
  console.log(`${compiler}: both ends ${bothEnds}, zod's own types ${zodTypes}, ratio ${ratio}`)
}
