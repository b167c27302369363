/** Goes from picture to picture of a clip that stands. */

/** Seconds of a picture, until play has told. */
const USUAL = 1 / 30
/** Pictures that are measured; a browser may leave some out, so the shortest counts. */
const MEASURED = 12

/** The middle of the picture `steps` away from the one at `time`: seconds, where each lasts `length`. */
export function pictureFrom(time: number, steps: number, length: number): number {
  // A time that ends in a rounding error belongs to the picture it was meant for.
  const shown = Math.floor(time / length + 0.01)
  return Math.max(0, (shown + steps + 0.5) * length)
}

export class Frames {
  #length = USUAL
  readonly #video: HTMLVideoElement

  constructor(video: HTMLVideoElement, signal: AbortSignal) {
    this.#video = video
    video.addEventListener('playing', () => this.#measure(), { once: true, signal })
  }

  /** One picture back (-1) or on (1). */
  step(steps: -1 | 1): void {
    this.#video.pause()
    this.#video.currentTime = Math.min(this.#video.duration || 0, pictureFrom(this.#video.currentTime, steps, this.#length))
  }

  #measure(): void {
    // Firefox has it since 132.
    if (!('requestVideoFrameCallback' in this.#video)) return
    const lengths: number[] = []
    let last: number | null = null
    const look = (_now: number, { mediaTime }: VideoFrameCallbackMetadata) => {
      const length = last === null ? 0 : mediaTime - last
      // Not over a seek.
      if (length > 0.001 && length < 0.2) lengths.push(length)
      last = mediaTime
      if (lengths.length < MEASURED) this.#video.requestVideoFrameCallback(look)
      else this.#length = Math.min(...lengths)
    }
    this.#video.requestVideoFrameCallback(look)
  }
}
