/** How fast bytes go, over the last seconds: a moment says nothing. */

/** ms. */
const WINDOW = 10_000
/** Less than this tells nothing, ms. */
const LEAST = 1500

export class Speed {
  #seen: { at: number; bytes: number }[] = []

  /** So many bytes have gone by now. */
  note(bytes: number, now = Date.now()): void {
    // What went backwards, or stood for long, is begun anew.
    const last = this.#seen.at(-1)
    if (last && (bytes < last.bytes || now - last.at > WINDOW)) this.#seen = []
    this.#seen = [...this.#seen.filter(({ at }) => now - at <= WINDOW), { at: now, bytes }]
  }

  /** Bytes a second; null while it is not known. */
  get perSecond(): number | null {
    const [first, last] = [this.#seen[0], this.#seen.at(-1)]
    if (!first || !last || last.at - first.at < LEAST) return null
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at)
  }
}
