// Light or dark: as the system has it until somebody chooses, then as chosen.
import { useEffect, useState } from 'react'
import { Icon } from './Icon.tsx'
import { readTheme, rememberTheme } from './remember.ts'

export function ThemeToggle() {
  const [theme, setTheme] = useState(readTheme)
  useEffect(() => {
    const system = matchMedia('(prefers-color-scheme: dark)')
    const listener = () => setTheme(readTheme())
    system.addEventListener('change', listener)
    return () => system.removeEventListener('change', listener)
  }, [])

  return (
    <button
      type="button"
      className="icon-button"
      aria-label="Dark theme"
      aria-pressed={theme === 'dark'}
      title={theme === 'dark' ? 'Light theme' : 'Dark theme'}
      onClick={() => {
        const other = theme === 'dark' ? 'light' : 'dark'
        rememberTheme(other)
        setTheme(other)
      }}
    >
      <Icon name={theme === 'dark' ? 'sun' : 'moon'} />
    </button>
  )
}
