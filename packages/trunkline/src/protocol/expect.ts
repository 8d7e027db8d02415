// Misuse, in few bytes: where, what was expected, what came. The doors of a server say more (`contract/mistake.ts`).

/** @throws TypeError where it is not met */
export function expect(isMet: boolean, where: string, what: string, given: unknown): asserts isMet {
  if (!isMet) throw new TypeError(`${where}: expected ${what}, got ${String(given)}`)
}
