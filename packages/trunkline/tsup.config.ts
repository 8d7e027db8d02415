import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    server: 'src/server/index.ts',
    client: 'src/client/index.ts',
    'client.node': 'src/adapters/node-client.ts',
    node: 'src/adapters/node.ts',
    testing: 'src/testing/index.ts',
  },
  format: ['esm', 'cjs'],
  target: 'es2022',
  platform: 'neutral',
  external: [/^node:/, 'ws'],
  // TypeScript 6 warns of a setting that tsup's declaration bundler still makes.
  dts: { compilerOptions: { ignoreDeprecations: '6.0' } },
  sourcemap: true,
  clean: true,
  splitting: true,
  treeshake: true,
  // Puts constants in where they are used: that makes the browser's bundle smaller.
  esbuildOptions(options) {
    options.minifySyntax = true
  },
  // Deno and Workers know Node's modules by their prefix only.
  removeNodeProtocol: false,
})
