// Sets up a fresh machine: packages by pnpm's lockfile, and Debian packages that tests need. Safe to run again and again.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))

const { packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'))

/** Runs a command and gives whether it succeeded; its output goes where ours goes. */
export function run(command, args, options = {}) {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  return status === 0
}

/** Runs a command and ends the process with its failure. */
export function must(command, args, options) {
  if (run(command, args, options)) return
  console.error(`failed: ${command} ${args.join(' ')}`)
  process.exit(1)
}

/** Runs pnpm in the version that package.json names, whether or not it is installed. */
export function pnpm(...args) {
  must('npx', ['--yes', packageManager, ...args])
}

/** Installs packages exactly as locked. Reads no network when they are there already. */
export function installPackages() {
  pnpm('install', '--frozen-lockfile', '--prefer-offline', '--reporter=append-only')
}

/**
 * Makes sure that a program is there, by apt-get where that is possible.
 * @returns true when it is; otherwise a line has been printed that says what is left out and how to get it
 */
export function ensureProgram(paths, debianPackage, whatFor) {
  if (paths.some((path) => existsSync(path))) return true
  if (process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.log(`installing ${debianPackage} for ${whatFor} …`)
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env }
    run('apt-get', ['update', '-qq'], quiet)
    run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', debianPackage], quiet)
    if (paths.some((path) => existsSync(path))) return true
  }
  console.log(
    `skipped: ${whatFor}, since ${debianPackage} is not here; get it with: sudo apt-get install ${debianPackage}`,
  )
  return false
}

export const chromiumPaths = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

export const ensureChromium = () => ensureProgram(chromiumPaths, 'chromium', 'the tests in a browser')

export const ensureOpenssl = () =>
  ensureProgram(['/usr/bin/openssl'], 'openssl', 'the test over TLS, which makes a certificate')

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  installPackages()
  ensureChromium()
  ensureOpenssl()
}
