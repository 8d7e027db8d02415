// Assertions that only the compiler runs. `tsc -p tsconfig.json` is the test; nothing in these files is executed.

/** True for the very same type: `any` equals only itself, optional is not `| undefined`, readonly counts. */
export type Equal<Left, Right> =
  (<Type>() => Type extends Left ? 1 : 2) extends <Type>() => Type extends Right ? 1 : 2 ? true : false

/** `assert<Equal<A, B>>()` compiles only where they are equal. */
export declare function assert<_Claim extends true>(): void
