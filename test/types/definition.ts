// What can't be defined.
import { mutation, query, router, subscription } from 'trunkline'
import { implement } from 'trunkline/server'
import { z } from 'zod'
import { assert, type Equal } from './assert.ts'

router({ rooms: { list: query({ output: z.array(z.string()) }) } })
router({ inner: router({ list: query() }) })

// @ts-expect-error: a schema is no procedure.
router({ list: z.string() })
// @ts-expect-error: a function is no procedure.
router({ list: () => [] })
// @ts-expect-error: text is no procedure.
router({ list: 'query' })
// @ts-expect-error: an input is a schema.
query({ input: String })
// @ts-expect-error: an input is a schema.
query({ input: { name: 'string' } })
// @ts-expect-error: an error has a schema.
mutation({ errors: { CLOSED: 'closed' } })
// @ts-expect-error: an option that does not exist.
subscription({ ouptut: z.string() })
// @ts-expect-error: only a mutation can be idempotent.
query({ idempotent: true })

mutation({ idempotent: true, meta: { role: 'admin' }, validateOutput: false })

// A router written where `implement` takes it infers no schema from there: one that is left out is `undefined`.
implement(router({ ping: query() })).handlers({ ping: ({ input }) => assert<Equal<typeof input, void>>() })
