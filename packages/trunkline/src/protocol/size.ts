// How long a text is in UTF-8, asked cheaply. Knows nothing else.

/** True when a text is longer than `limit` bytes in UTF-8: only one that is near the limit has to be encoded to know. */
export function exceedsBytes(text: string, limit: number): boolean {
  if (text.length > limit) return true
  // A UTF-16 unit takes at most three bytes.
  return text.length * 3 > limit && new TextEncoder().encode(text).length > limit
}
