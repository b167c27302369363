/** Tells a double tap from two single ones. */

/** Between two taps that belong together, ms. */
const TOGETHER = 300

export type Side = -1 | 1

export class Taps {
  #last: { side: Side; at: number } | null = null

  /** Whether this tap is the second or a later one of a row on the same side; `at` in ms. */
  tap(side: Side, at: number): boolean {
    const together = this.#last !== null && this.#last.side === side && at - this.#last.at <= TOGETHER
    this.#last = { side, at }
    return together
  }
}
