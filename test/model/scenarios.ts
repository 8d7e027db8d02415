// What is explored. A scenario has at most 6 counted frames (7 where a stream is cancelled at its end), besides those that a break or a new session makes necessary.
import type { Scenario } from './state.ts'

/** With `npm test`: all of them, and for each mutant those that have what it breaks. */
export const quick: readonly Scenario[] = [
  { name: 'a mutation and three breaks', calls: ['mutation'], budget: { breaks: 3, acks: 1 } },
  { name: 'two mutations', calls: ['mutation', 'mutation'], budget: { breaks: 2 } },
  { name: 'a mutation that is cancelled', calls: ['mutation'], budget: { breaks: 3, cancels: 1 } },
  { name: 'a mutation and the loss of the server', calls: ['mutation'], budget: { breaks: 2, losses: 1, acks: 1 } },
  {
    name: 'a mutation and the end of its session',
    calls: ['mutation'],
    budget: { breaks: 2, expiries: 1, discards: 1 },
  },
  { name: 'two mutations and expiry', calls: ['mutation', 'mutation'], budget: { breaks: 1, expiries: 1 } },
  { name: 'an idempotent mutation', calls: ['idempotent'], budget: { breaks: 2, expiries: 2 } },
  { name: 'a query and the loss of the server', calls: ['query'], budget: { breaks: 2, losses: 1, cancels: 1 } },
  { name: 'two nodes', calls: ['mutation'], nodes: 2, budget: { breaks: 2, cancels: 1 } },
  { name: 'another principal', calls: ['mutation', 'query'], budget: { breaks: 1, logins: 1 } },
  { name: 'an answer that can not be encoded', calls: ['unserialisable', 'query'], budget: { breaks: 1, acks: 1 } },
  { name: 'a stream to its end', calls: ['subscription'], ends: true, budget: { breaks: 2, events: 3 } },
  { name: 'a stream that is cancelled', calls: ['subscription'], budget: { breaks: 2, events: 2, cancels: 1 } },
  { name: 'a stream and the loss of the server', calls: ['subscription'], budget: { breaks: 1, events: 3, losses: 1 } },
  { name: 'a stream and two losses', calls: ['subscription'], budget: { breaks: 1, events: 1, losses: 2 } },
  {
    name: 'a stream and the end of its session',
    calls: ['subscription'],
    budget: { breaks: 2, events: 2, expiries: 1 },
  },
  {
    name: 'a stream and two ends of its session',
    calls: ['subscription'],
    budget: { breaks: 2, events: 1, expiries: 2 },
  },
  {
    name: 'frames worked off in slices',
    calls: ['mutation', 'mutation'],
    slices: true,
    budget: { breaks: 1, cancels: 1 },
  },
]

/** With `npm run faults`: the same, with more of everything. */
export const large: readonly Scenario[] = [
  { name: 'two mutations and three breaks', calls: ['mutation', 'mutation'], budget: { breaks: 3, cancels: 1 } },
  {
    name: 'a mutation and every end of a session',
    calls: ['mutation'],
    budget: { breaks: 3, losses: 1, expiries: 1, discards: 1 },
  },
  {
    name: 'mutation, query, idempotent and expiry',
    calls: ['mutation', 'query', 'idempotent'],
    budget: { breaks: 2, expiries: 1 },
  },
  {
    name: 'a stream, three breaks and the loss of the server',
    calls: ['subscription'],
    budget: { breaks: 3, events: 3, losses: 1 },
  },
  {
    name: 'a stream with a window of two',
    calls: ['subscription'],
    window: 2,
    ends: true,
    budget: { breaks: 3, events: 3, cancels: 1 },
  },
  {
    name: 'a mutation beside a stream',
    calls: ['subscription', 'mutation'],
    budget: { breaks: 2, events: 2, expiries: 1 },
  },
  {
    name: 'two nodes and another principal',
    calls: ['mutation', 'query'],
    nodes: 2,
    budget: { breaks: 1, losses: 1, logins: 1 },
  },
  {
    name: 'slices, a stream and a mutation',
    calls: ['subscription', 'mutation'],
    slices: true,
    budget: { breaks: 2, events: 2 },
  },
]
