// A person's first letter on a colour of their own.
export function Avatar({ name }: { name: string }) {
  let sum = 0
  for (const letter of name) sum = (sum * 31 + (letter.codePointAt(0) ?? 0)) % 997
  // The golden angle: neighbours in number end up far apart in colour.
  const hue = Math.round(sum * 137.5) % 360
  const [initial = '?'] = name
  return (
    <span className="avatar" style={{ '--hue': hue }} aria-hidden="true">
      {initial.toUpperCase()}
    </span>
  )
}

declare module 'react' {
  interface CSSProperties {
    '--hue'?: number
  }
}
