// Which way bytes and frames go. Does not know what carries them.

/** `'up'` is from the client to the server, `'down'` from the server to the client. */
export type Direction = 'up' | 'down'

/** The directions that are meant. */
export const directionsOf = (direction: Direction | 'both'): readonly Direction[] =>
  direction === 'both' ? ['up', 'down'] : [direction]
