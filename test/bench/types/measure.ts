// Counts what the compiler instantiates for a project of 200 procedures. The count is exact: the same on every machine.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Project, writeProject } from './project.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, 'node_modules/.cache/type-cost')

export type Compiler = 'typescript' | 'typescript-7'

export interface TypeCost {
  /** Instantiations of both ends, without those of zod's schemas. */
  readonly bothEnds: number
  /** The same of a project that only asks zod for each schema's two types: input and output. */
  readonly zodTypes: number
}

/** Measures with a package as published, whose content lies in `packageFolder`. */
export async function measureTypeCost(compiler: Compiler, packageFolder: string): Promise<TypeCost> {
  // One after the other: two cores, and the tests beside it.
  const schemas = await instantiations(compiler, packageFolder, 'schemas')
  const zodTypes = (await instantiations(compiler, packageFolder, 'types')) - schemas
  const bothEnds = (await instantiations(compiler, packageFolder, 'both')) - schemas
  return { bothEnds, zodTypes }
}

async function instantiations(compiler: Compiler, packageFolder: string, project: Project): Promise<number> {
  const target = join(folder, compiler, project)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(target, 'node_modules'), { recursive: true })
  symlinkSync(packageFolder, join(target, 'node_modules/trunkline'))
  writeProject(target, project)
  const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
  // Checkers in parallel would each evaluate the contract anew, and the count would depend on the machine.
  const single = compiler === 'typescript-7' ? ['--singleThreaded'] : []
  const { stdout } = await promisify(execFile)(process.execPath, [
    tsc,
    '-p',
    target,
    '--extendedDiagnostics',
    ...single,
  ])
  return Number(/^Instantiations:\s+(\d+)$/m.exec(stdout)?.[1])
}
