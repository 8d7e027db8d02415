import { defineConfig } from 'vitest/config'

// Loads and faults that measure or take long: `npm run faults`. They bound themselves and talk to loopback only.
export default defineConfig({
  test: {
    include: ['test/faults/**/*.fault.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    fileParallelism: false,
  },
})
