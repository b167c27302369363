/** Where one left each video, kept on this device. */

const KEY = 'clipset.resume'
/** Videos remembered; the oldest is forgotten first. */
const MOST = 200
/** Seconds at the beginning and the end that are not worth coming back to. */
const EDGE = 5

type Places = [shortId: string, seconds: number][]

function read(): Places {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]')
    return Array.isArray(stored) ? (stored as Places) : []
  } catch {
    return []
  }
}

/** Seconds; 0 where nothing is remembered. */
export const placeIn = (shortId: string): number => read().find(([id]) => id === shortId)?.[1] ?? 0

export function remember(shortId: string, seconds: number, duration: number): void {
  const others = read().filter(([id]) => id !== shortId)
  const worth = seconds > EDGE && seconds < duration - EDGE
  try {
    const places: Places = worth ? [...others, [shortId, Math.floor(seconds)]] : others
    localStorage.setItem(KEY, JSON.stringify(places.slice(-MOST)))
  } catch {
    // Storage may be full or forbidden; then one begins at the beginning.
  }
}

/** The `t` of an address: `83`, `83s` or `1h2m3s`, in seconds; null for none. */
export function timeIn(query: URLSearchParams): number | null {
  const found = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s?)?$/.exec(query.get('t') ?? '')
  if (!found?.[0]) return null
  return Number(found[1] ?? 0) * 3600 + Number(found[2] ?? 0) * 60 + Number(found[3] ?? 0)
}
