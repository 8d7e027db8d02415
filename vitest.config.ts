import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'examples/*/test/**/*.test.{ts,tsx}'],
    // In .docs are the guide's own tests, run by docs-run.test.ts.
    exclude: ['**/node_modules/**', '**/dist/**', '**/.docs/**'],
    // A compiler or a browser on a machine that is busy otherwise takes its time; nothing waits for a clock.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: load tests and browsers in parallel would measure each other.
    fileParallelism: false,
  },
})
