/** Numbers as people read them. */

/** Seconds as `0:07`, `12:34` or `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

/** Bytes in the unit that fits, the same ones that the API's sentences use; from a hundred on without a decimal. */
export function bytes(count: number): string {
  let [value, unit] = [count, 0]
  // What would be rounded to a thousand is one of the next unit.
  while (value >= 999.5 && unit < UNITS.length - 1 && count >= 1000) [value, unit] = [value / 1000, unit + 1]
  const rounded = unit === 0 || value >= 99.95 ? Math.round(value) : Math.round(value * 10) / 10
  return `${rounded} ${count === 1 ? 'byte' : UNITS[unit]}`
}

const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const DATE = new Intl.DateTimeFormat('en', { dateStyle: 'medium' })

/** `3 minutes ago`, `yesterday`, or the date once it is more than a week away. */
export function ago(rfc3339: string, now = Date.now()): string {
  const then = Date.parse(rfc3339)
  const minutes = (then - now) / 60_000
  const size = Math.abs(minutes)
  if (size < 1) return 'just now'
  if (size < 60) return RELATIVE.format(Math.round(minutes), 'minute')
  if (size < 60 * 24) return RELATIVE.format(Math.round(minutes / 60), 'hour')
  if (size < 60 * 24 * 7) return RELATIVE.format(Math.round(minutes / 60 / 24), 'day')
  return DATE.format(then)
}

export const date = (rfc3339: string): string => DATE.format(Date.parse(rfc3339))

/** Seconds in the words of somebody who waits: `a moment`, `40 s`, `3 min`, `2 h`. */
export function lasting(seconds: number): string {
  if (seconds < 5) return 'a moment'
  if (seconds < 60) return `${Math.ceil(seconds / 5) * 5} s`
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`
  return `${Math.ceil(seconds / 1800) / 2} h`
}
