// The name in use: `?name=Ann` in the address, or what was used last.
const key = 'trunkline-chat-name'

export function readName(): string | undefined {
  const name = (new URLSearchParams(location.search).get('name') ?? localStorage.getItem(key))?.trim()
  if (name) rememberName(name)
  return name || undefined
}

export function rememberName(name: string): void {
  localStorage.setItem(key, name)
}

export function forgetName(): void {
  localStorage.removeItem(key)
  history.replaceState(null, '', location.pathname + location.hash)
}
