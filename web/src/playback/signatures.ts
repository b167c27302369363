/** Keeps the newest signed address of every file of a stream, and renews them ahead of their end. */
import { addresses, maxAge, pathOf, type Served } from './playlist.ts'

/** A renewal that takes longer is given up, ms: the address at hand may still be good. */
const LIMIT = 4000
/** A quarter of their life before the end, within these bounds, ms. */
const MARGIN = [1500, 300_000] as const
/** So many refused requests in a row are enough. */
const REFUSALS = 3

interface Known {
  url: string
  /** Path of the playlist that named it. */
  from: string
  /** Which reading of that playlist. */
  reading: number
  /** ms, our clock. */
  renewAt: number
}

/** Where the first playlist is now, token included. */
export type Locate = (signal: AbortSignal) => Promise<string>

export class Signatures {
  /** Called when a file that is asked for is in no playlist any more: the clip was published anew. */
  onrepublished: () => void = () => undefined

  readonly #known = new Map<string, Known>()
  readonly #readings = new Map<string, number>()
  readonly #renewals = new Map<string, Promise<void>>()
  readonly #refused = new Set<string>()
  #refusedInARow = 0

  constructor(private readonly locate: Locate) {}

  /** Whether the server refused so often in a row that nothing more is to be hoped for. */
  get exhausted(): boolean {
    return this.#refusedInARow >= REFUSALS
  }

  /**
   * Takes the addresses of a playlist. One that is not `fresh` may come from the browser's cache, and then has lost as
   * much of its life as a cache may keep it.
   */
  learn(playlist: string, text: string, served: Served, fresh: boolean): void {
    const now = Date.now()
    const from = pathOf(playlist)
    const reading = (this.#readings.get(from) ?? 0) + 1
    this.#readings.set(from, reading)
    const lost = fresh ? 0 : (maxAge(served) ?? 0)
    for (const { url, path, life } of addresses(text, new URL(playlist, location.href).href, served, now)) {
      const margin = Math.min(Math.max(life / 4, MARGIN[0]), MARGIN[1])
      this.#known.set(path, { url, from, reading, renewAt: now + life - lost - margin })
    }
  }

  /** The address to use now for `url`: never throws, and takes no longer than a renewal may. */
  async newest(url: string): Promise<string> {
    const path = pathOf(url)
    const before = this.#known.get(path)
    if (!before) return url
    const due = Date.now() >= before.renewAt || this.#refused.has(path)
    if (due) await this.#renew(before.from)
    const now = this.#known.get(path) ?? before
    // What was replaced stays good until its end, so it is used up to then.
    if (due && now.reading !== this.#readings.get(now.from)) this.onrepublished()
    return now.url
  }

  /** Counts a refusal. Gives whether to try once more, which will be with a new signature. */
  refuse(url: string): boolean {
    const path = pathOf(url)
    this.#refusedInARow++
    if (this.#refused.has(path) || this.exhausted) return false
    this.#refused.add(path)
    return true
  }

  /** Counts a file that came. */
  accept(url: string): void {
    this.#refused.delete(pathOf(url))
    this.#refusedInARow = 0
  }

  /** All who wait for the same playlist wait for one renewal. */
  #renew(from: string): Promise<void> {
    let renewal = this.#renewals.get(from)
    if (!renewal) {
      renewal = this.#read(from).finally(() => this.#renewals.delete(from))
      this.#renewals.set(from, renewal)
    }
    return renewal
  }

  async #read(from: string): Promise<void> {
    const stop = new AbortController()
    const timer = setTimeout(() => stop.abort(), LIMIT)
    try {
      const first = await this.locate(stop.signal)
      await this.#load(first, stop.signal)
      const rendition = from === pathOf(first) ? undefined : this.#known.get(from)
      if (rendition) await this.#load(rendition.url, stop.signal)
    } catch {
      // The address at hand may still be good; if not, the server refuses it, and that is counted.
    } finally {
      clearTimeout(timer)
    }
  }

  async #load(url: string, signal: AbortSignal): Promise<void> {
    const answer = await fetch(url, { cache: 'reload', signal })
    if (!answer.ok) throw new Error(String(answer.status))
    const served = { date: answer.headers.get('Date'), cacheControl: answer.headers.get('Cache-Control') }
    this.learn(url, await answer.text(), served, true)
  }
}
