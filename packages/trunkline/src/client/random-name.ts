// The name of a client's session. Knows nothing else.

/** 128 random bits, base64url: it can't be guessed. */
export function randomName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .slice(0, 22)
}
