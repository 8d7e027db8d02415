// Measures what the types of a project cost a compiler. Instantiations are an exact count, the same on every machine; time is not.
import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type Project, writeProject } from './project.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = join(root, 'node_modules/.cache/type-cost')

export type Compiler = 'typescript' | 'typescript-7'

/** Instantiations, without those of zod's schemas. */
export interface TypeCost {
  /** A contract, its handlers and its calls. */
  readonly bothEnds: number
  /** The same handlers and calls as plain functions, annotated with zod's types: what no framework can do without. */
  readonly byHand: number
  /** Only asks zod for the four types of each procedure, and reads one field of each. */
  readonly zodTypes: number
}

/** Instantiations of the same in tRPC and oRPC, without those of zod's schemas. */
export async function measurePeers(compiler: Compiler, packageFolder: string): Promise<{ trpc: number; orpc: number }> {
  const count = async (project: Project): Promise<number> =>
    (await run({ compiler, packageFolder, project, procedures: 200 })).instantiations
  const schemas = await count('schemas')
  return { trpc: (await count('trpc')) - schemas, orpc: (await count('orpc')) - schemas }
}

/** Measures 200 procedures with a package as published, whose content lies in `packageFolder`. */
export async function measureTypeCost(compiler: Compiler, packageFolder: string): Promise<TypeCost> {
  const count = async (project: Project): Promise<number> =>
    (await run({ compiler, packageFolder, project, procedures: 200 })).instantiations
  // One after the other: two cores, and the tests beside it.
  const schemas = await count('schemas')
  const zodTypes = (await count('types')) - schemas
  const byHand = (await count('byHand')) - schemas
  const bothEnds = (await count('both')) - schemas
  return { bothEnds, byHand, zodTypes }
}

export interface Measured {
  readonly compiler: Compiler
  readonly packageFolder: string
  readonly project: Project
  readonly procedures: number
}

export interface Run {
  readonly instantiations: number
  /** The whole run, reading and parsing of zod and of the compiler's libraries included. */
  readonly seconds: number
  readonly megabytes: number
}

/** @throws when the project does not compile. */
export async function run({ compiler, packageFolder, project, procedures }: Measured): Promise<Run> {
  const target = join(folder, compiler, `${project}-${procedures}`)
  rmSync(target, { recursive: true, force: true })
  mkdirSync(join(target, 'node_modules'), { recursive: true })
  symlinkSync(packageFolder, join(target, 'node_modules/trunkline'))
  writeProject(target, project, procedures)
  const tsc = join(root, 'node_modules', compiler, 'bin/tsc')
  // Checkers in parallel would each evaluate the contract anew, and the count would depend on the machine.
  const single = compiler === 'typescript-7' ? ['--singleThreaded'] : []
  const args = [tsc, '-p', target, '--extendedDiagnostics', ...single]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  const figure = (name: string): number => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(stdout)?.[1])
  return {
    instantiations: figure('Instantiations'),
    seconds: figure('Total time'),
    megabytes: figure('Memory used') / 1024,
  }
}
