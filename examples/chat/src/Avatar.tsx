// A person's first letter on a colour of their own.
export function Avatar({ name }: { name: string }) {
  let sum = 0
  for (const letter of name) sum = (sum * 37 + (letter.codePointAt(0) ?? 0)) % 997
  // Any factor without a common divisor spreads them; with this one neighbours in number end up far apart.
  const hue = (sum * 47) % 360
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
