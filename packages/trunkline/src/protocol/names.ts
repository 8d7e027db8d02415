// Names that a proxy can't carry. Knows nothing else.

/** A proxy that answered these would be taken for a promise, be asked for JSON or text, or shadow what every function has. */
export const refusedNames: ReadonlySet<string> = new Set([
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
  'toString',
  'valueOf',
])
