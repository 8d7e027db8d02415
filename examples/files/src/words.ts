// Sizes and times as people say them.
const units = ['bytes', 'kB', 'MB', 'GB', 'TB']

export function sizeInWords(bytes: number): string {
  let unit = 0
  let amount = bytes
  for (; amount >= 999.5 && unit < units.length - 1; unit++) amount /= 1000
  return `${unit === 0 || amount >= 99.95 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`
}

export function durationInWords(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`
}

/** Whole, and 100 only when it is all. */
export const percent = (part: number, whole: number): number => (whole > 0 ? Math.floor((part / whole) * 100) : 0)
