// Bundles the two processes and the contenders into plain JavaScript, so that no loader runs inside a measurement.
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { contenders } from './contenders.ts'

/** The part of esbuild used here; it is installed with tsup, so its types aren't in reach. */
interface Esbuild {
  build(options: object): Promise<unknown>
}

export interface Bundle {
  clientProcess: string
  /** Contenders that can't be bundled, with the reason. */
  broken: Map<string, string>
}

const here = fileURLToPath(new URL('.', import.meta.url))
const outdir = fileURLToPath(new URL('../../node_modules/.cache/bench', import.meta.url))
const { build }: Esbuild = createRequire(createRequire(import.meta.url).resolve('tsup'))('esbuild')

/** Peers run as they are published; Trunkline is here as source, and zod goes with the schemas. */
const external = contenders
  .flatMap(({ packages }) => packages)
  .filter((name) => name !== 'trunkline' && name !== 'zod')
  .flatMap((name) => [name, `${name}/*`])

export async function bundle(names: string[]): Promise<Bundle> {
  rmSync(outdir, { recursive: true, force: true })
  await bundleFiles(['client-process', 'server-process'])
  const broken = new Map<string, string>()
  for (const name of names) {
    try {
      await bundleFiles([`contenders/${name}/client`, `contenders/${name}/server`])
    } catch (error) {
      broken.set(name, String(error))
    }
  }
  return { clientProcess: `${outdir}/client-process.js`, broken }
}

async function bundleFiles(names: string[]): Promise<void> {
  await build({
    entryPoints: names.map((name) => `${here}${name}.ts`),
    outbase: here,
    outdir,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external,
    logLevel: 'silent',
  })
}
