// The name of a client's session. Knows nothing else.

/** 128 random bits: it can't be guessed. */
export const randomName = (): string => crypto.getRandomValues(new Uint32Array(4)).join('-')
