// `npm test`: sets up, checks types with both compilers, lints, builds, packs and weighs, runs every test, and closes with one line of counts.
import { readFileSync } from 'node:fs'
import { pack } from './pack.mjs'
import { ensureChromium, ensureOpenssl, installPackages, must, pnpm, root, run } from './setup.mjs'

const step = (name) => console.log(`\n── ${name}`)
const bin = (name) => `${root}/node_modules/.bin/${name}`

step('packages')
installPackages()
const programs = [ensureChromium(), ensureOpenssl()]
if (programs.includes(false) && process.env.CI) {
  console.error('with CI set nothing may be skipped: install what is named above')
  process.exit(1)
}

for (const [version, compiler] of [
  [6, 'node_modules/typescript/bin/tsc'],
  [7, 'node_modules/typescript-7/bin/tsc'],
]) {
  step(`types, TypeScript ${version}`)
  for (const project of [
    'tsconfig.json',
    'examples/chat/tsconfig.json',
    'examples/files/tsconfig.json',
    'examples/game/tsconfig.json',
  ])
    must(process.execPath, [compiler, '-p', project])
}

step('lint')
must(bin('biome'), ['check', '--error-on-warnings', '.'])

step('knip')
must(bin('knip'), ['--no-progress'])

step('build')
pnpm('--filter', './examples/*', '--silent', 'run', 'build')
pack()

step('size')
must(bin('size-limit'), ['--silent'])

step('tests')
const report = 'node_modules/.cache/vitest-report.json'
const passed = run(bin('vitest'), ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`])
const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(readFileSync(`${root}/${report}`, 'utf8'))
if (process.env.CI && numPendingTests > 0) console.error('with CI set a skipped test is a failure')
const skipped = numPendingTests > 0 ? `, ${numPendingTests} skipped` : ''
console.log(`\n${numPassedTests} passed, ${numFailedTests} failed${skipped}`)
process.exit(passed && !(process.env.CI && numPendingTests > 0) ? 0 : 1)
