/** Playing an address that the browser understands by itself: an MP4, or HLS where hls.js cannot run. */
import { PlaybackError, errorOf } from './errors.ts'
import { goTo, type Place } from './place.ts'
import { pause, pauseAfter } from './retry.ts'

export interface PlainOptions {
  video: HTMLVideoElement
  /** The address, token included; asked for anew after each error, for signatures run out. */
  locate: (signal: AbortSignal) => Promise<string>
  /** Where the viewer is, or was before an error. */
  place: () => Place
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
  let errors = 0
  let failedAt = place().position

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
      goTo(video, place(), signal)
      video.src = address
    } catch (thrown) {
      fail(errorOf(thrown))
    }
  }

  async function onError(): Promise<void> {
    const { position } = place()
    if (Math.abs(position - failedAt) > PROGRESS) errors = 0
    failedAt = position
    if (++errors >= ERRORS) return fail(new PlaybackError('media'))
    await pause(pauseAfter(errors), signal)
    if (!signal.aborted) await load()
  }

  video.addEventListener('error', () => void onError(), { signal })
  void load()
  return end
}
