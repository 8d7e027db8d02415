// The typed proxy: turns property access into a path and a call into `invoke`. Does not know what a call is.

import { refusedNames } from '../protocol/names.ts'

export type Invoke = (path: string, input: unknown, options: unknown) => unknown

export function createProxy(invoke: Invoke, path = ''): unknown {
  const children = new Map<string | symbol, unknown>()
  // A call needs no trap: the target is what is called.
  const call = (input: unknown, options: unknown): unknown => invoke(path, input, options)
  return new Proxy(call, {
    get(_target, name) {
      const known = children.get(name)
      if (known) return known
      // For a line in a log: as a call it would go out and come back as a rejection that nobody expects.
      if (name === 'toString') return () => `[client ${path}]`
      if (typeof name !== 'string' || refusedNames.has(name)) return undefined
      const child = createProxy(invoke, path ? `${path}.${name}` : name)
      children.set(name, child)
      return child
    },
  })
}
