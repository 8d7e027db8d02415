// `npm run bench:types`: what the types of 200 and of 3 000 procedures cost each compiler. Knows no limit.
import { dirname, join } from 'node:path'
import { register } from 'tsx/esm/api'
import { pack } from './pack.mjs'

register()
const { measurePeers, measureTypeCost, run } = await import('../test/bench/types/measure.ts')
const packageFolder = join(dirname(pack()), 'package')
const compilers = ['typescript', 'typescript-7']

console.log(
  "200 procedures, instantiations without those of zod's schemas; what each row is: test/bench/types/project.ts",
)
for (const compiler of compilers) {
  const { bothEnds, byHand, zodTypes } = await measureTypeCost(compiler, packageFolder)
  console.log(`${compiler}: both ends ${bothEnds}`)
  console.log(`  by hand ${byHand}, ratio ${(bothEnds / byHand).toFixed(2)}`)
  console.log(`  zod's own types ${zodTypes}, ratio ${(bothEnds / zodTypes).toFixed(2)}`)
  const { trpc, orpc } = await measurePeers(compiler, packageFolder)
  console.log(`  the same in tRPC ${trpc}, in oRPC ${orpc}`)
}

console.log('3 000 procedures, all that the compiler does')
for (const compiler of compilers) {
  for (const project of ['schemas', 'byHand', 'both', 'trpc', 'orpc']) {
    const { instantiations, seconds, megabytes } = await run({ compiler, packageFolder, project, procedures: 3_000 })
    const figures = `${instantiations} instantiations, ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB`
    console.log(`${compiler}, ${project}: ${figures}`)
  }
}
