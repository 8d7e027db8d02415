import { defineConfig } from 'vite'

// Two builds: the server as one file for plain Node, with everything it needs inside, and the page beside it.
export default defineConfig(({ isSsrBuild }) => ({
  build: { outDir: isSsrBuild ? 'dist' : 'dist/client' },
  ssr: { noExternal: true },
  // In development the server runs on its own port.
  server: { proxy: { '/rpc': { target: 'ws://localhost:3000', ws: true } } },
}))
