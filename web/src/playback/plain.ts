/** Playing an address that the browser understands by itself: an MP4, or HLS where hls.js cannot run. */
import { PlaybackError, errorOf } from './errors.ts'
import { goTo, placeOf, type Place } from './place.ts'
import { pause, pauseAfter } from './retry.ts'

export interface PlainOptions {
  video: HTMLVideoElement
  /** The address, token included; asked for anew after each error, for signatures run out. */
  locate: (signal: AbortSignal) => Promise<string>
  place: Place
  /** It will not play this way. */
  onfail: (error: PlaybackError) => void
}

/** Errors without any progress between them. */
const ERRORS = 3
/** Seconds of play that count as progress. */
const PROGRESS = 5

/** Starts it; gives what ends it. */
export function playPlain({ video, locate, place, onfail }: PlainOptions): () => void {
  const ended = new AbortController()
  const { signal } = ended
  let last = place
  let errors = 0
  let failedAt = place.position

  function end(): void {
    if (signal.aborted) return
    ended.abort()
    video.removeAttribute('src')
    video.load()
  }

  // Whoever is told ends it, after a look at where the viewer is.
  function fail(error: PlaybackError): void {
    if (!signal.aborted) onfail(error)
  }

  async function load(): Promise<void> {
    try {
      const address = await locate(signal)
      if (signal.aborted) return
      goTo(video, last, signal)
      video.src = address
    } catch (thrown) {
      fail(errorOf(thrown))
    }
  }

  async function onError(): Promise<void> {
    last = placeOf(video, last)
    if (Math.abs(last.position - failedAt) > PROGRESS) errors = 0
    failedAt = last.position
    if (++errors >= ERRORS || video.error?.code === MediaError.MEDIA_ERR_DECODE) return fail(new PlaybackError('media'))
    await pause(pauseAfter(errors), signal)
    if (!signal.aborted) await load()
  }

  video.addEventListener('error', () => void onError(), { signal })
  void load()
  return end
}
