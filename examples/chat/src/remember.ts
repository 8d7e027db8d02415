// What this browser remembers: the name, the theme, and what was read. Works without storage too, and then forgets.
import type { ReadMarks } from './conversation.ts'

const nameKey = 'trunkline-chat-name'
/** index.html reads it too, before anything is painted. */
const themeKey = 'trunkline-chat-theme'
const readKey = (name: string) => `trunkline-chat-read-${name}`

export type Theme = 'light' | 'dark'

/** `?name=Ann` in the address, or what was used last. */
export function readName(): string | undefined {
  const name = (new URLSearchParams(location.search).get('name') ?? load(nameKey))?.trim()
  if (name) rememberName(name)
  return name || undefined
}

export function rememberName(name: string): void {
  save(nameKey, name)
}

export function forgetName(): void {
  save(nameKey, undefined)
  history.replaceState(null, '', location.pathname + location.hash)
}

/** What was chosen, or what the system says. */
export function readTheme(): Theme {
  const chosen = document.documentElement.dataset.theme
  if (chosen === 'light' || chosen === 'dark') return chosen
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'
}

export function rememberTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  save(themeKey, theme)
}

export function loadRead(name: string): ReadMarks {
  try {
    const marks: unknown = JSON.parse(load(readKey(name)) ?? '{}')
    const entries = Object.entries(marks ?? {}).filter(([, at]) => typeof at === 'number')
    return Object.fromEntries(entries)
  } catch {
    return {}
  }
}

export function rememberRead(name: string, read: ReadMarks): void {
  save(readKey(name), JSON.stringify(read))
}

function load(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined
  } catch {
    return undefined
  }
}

function save(key: string, value: string | undefined): void {
  try {
    if (value === undefined) localStorage.removeItem(key)
    else localStorage.setItem(key, value)
  } catch {
    // A browser may forbid it.
  }
}
