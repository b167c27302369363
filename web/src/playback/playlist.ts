/** What we need to know of a signed playlist: its addresses and how long they are good. */

export interface Signed {
  /** Absolute. */
  url: string
  /** Without origin and query: what stays when it is signed anew. */
  path: string
  /** ms that it is good from the moment the playlist was served; infinite where nothing says so. */
  life: number
}

/** What of an answer's header counts. */
export interface Served {
  /** `Date`, by the server's clock. */
  date: string | null
  /** `Cache-Control`. */
  cacheControl: string | null
}

export const pathOf = (url: string): string => new URL(url, location.href).pathname

/** `max-age` in ms; null where there is none. */
export function maxAge(served: Served): number | null {
  const found = /(?:^|[,\s])max-age=(\d+)/.exec(served.cacheControl ?? '')
  return found ? Number(found[1]) * 1000 : null
}

/**
 * Every address in a playlist: lines and URI attributes (RFC 8216 §4.2). A signed one names its own end, which is
 * measured by the server's clock, for ours may be wrong. What the token of a rendition playlist is good for is only told
 * by the answer's `max-age`, a quarter of it.
 */
export function addresses(text: string, base: string, served: Served, now: number): Signed[] {
  const servedAt = Date.parse(served.date ?? '') || now
  const age = maxAge(served)
  const found: Signed[] = []
  for (const line of text.split(/\r?\n/)) {
    const uri = line.startsWith('#') ? /URI="([^"]+)"/.exec(line)?.[1] : line.trim()
    if (!uri) continue
    const url = new URL(uri, base)
    const expires = url.searchParams.get('expires')
    const life = expires ? Number(expires) * 1000 - servedAt : age === null ? Infinity : age * 4
    found.push({ url: url.href, path: url.pathname, life })
  }
  return found
}
