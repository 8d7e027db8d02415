// Bytes of a browser bundle, minified and gzipped, of what npm would publish: `npm run size`. Each limit is what it is
// today and a little; one that is lower is the way to go, a higher one needs a reason in its commit.
const dist = 'node_modules/.cache/trunkline/package/dist'

export default [
  {
    // The goal (DESIGN, §5) is 5.5 kB with calls, subscriptions, sessions, credit and rich values, 7.5 with everything. Bytes, large
    // parts, uploads, two-way streams and what `serve` needs here came to 5 kB.
    name: 'createClient',
    path: `${dist}/client.js`,
    import: '{ createClient }',
    gzip: true,
    limit: '16.44 kB',
  },
  {
    // zod is no part of it: schemas are the user's. A page that imports only types of its contract has nothing of this.
    name: 'contract',
    path: `${dist}/index.js`,
    import: '{ router, query, mutation, subscription }',
    gzip: true,
    limit: '2.03 kB',
  },
]
