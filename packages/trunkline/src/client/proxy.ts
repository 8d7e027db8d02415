// The typed proxy: turns property access into a path and a call into `invoke`. Does not know what a call is.

export type Invoke = (path: string, input: unknown, options: unknown) => unknown

/** What a promise check, JSON.stringify and React's tools ask any object for. */
const unanswered = new Set([
  'then',
  'catch',
  'finally',
  'toJSON',
  'call',
  'apply',
  'bind',
  'constructor',
  'prototype',
  '__proto__',
  'valueOf',
])

export function createProxy(invoke: Invoke, path = ''): unknown {
  const children = new Map<string, unknown>()
  return new Proxy(() => {}, {
    get(_target, name) {
      if (typeof name !== 'string' || unanswered.has(name)) return undefined
      // For a line in a log; as a call it would go out and come back as a rejection that nobody expects.
      if (name === 'toString') return () => `[client ${path}]`
      let child = children.get(name)
      if (child) return child
      child = createProxy(invoke, path ? `${path}.${name}` : name)
      children.set(name, child)
      return child
    },
    apply: (_target, _self, [input, options]) => invoke(path, input, options),
  })
}
