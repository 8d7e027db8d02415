// Where and with what the figures were made. Knows no figures.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { arch, availableParallelism, cpus, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'

export interface Machine {
  cpu: string
  cores: number
  memoryGiB: number
  os: string
  node: string
  packages: Record<string, string>
}

export function describeMachine(packages: string[]): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    os: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    packages: Object.fromEntries([...new Set(packages)].map((name) => [name, version(name)])),
  }
}

/** Looked up by folder, since a package need not export its package.json. */
function version(name: string): string {
  for (const folder of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version
    } catch {
      // not in this folder
    }
  }
  return 'unknown'
}
