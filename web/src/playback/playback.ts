/** Plays one video: asks how, starts it, and goes over to the next way where one fails. Without any surface. */
import { PlaybackError, errorOf, type PlaybackCode } from './errors.ts'
import { playHls, type HlsClass } from './hls.ts'
import { placeOf, type Place } from './place.ts'
import { playPlain } from './plain.ts'
import { Renditions } from './renditions.ts'
import { Signatures } from './signatures.ts'
import { manifestOf, opened, playable, type Ask, type Playable } from './stream-info.ts'

/** How it plays: segments by hls.js, one file, or the browser's own HLS. */
export type Way = 'hls' | 'progressive' | 'native'

export type PlaybackState =
  | { kind: 'loading' }
  | { kind: 'ready'; way: Way; info: Playable }
  | { kind: 'error'; code: PlaybackCode; sentence: string }

export interface PlaybackOptions {
  video: HTMLVideoElement
  ask: Ask
  onstate: (state: PlaybackState) => void
  /** A newer token for posters and previews. */
  ontoken?: (info: Playable) => void
}

/** Publications that may follow each other within this time, ms. */
const RESTARTS = 5
const RESTARTS_WITHIN = 60_000

const NATIVE = 'application/vnd.apple.mpegurl'

// Under way before anybody knows how to play: both take a round trip.
const hlsJs: Promise<HlsClass | null> = import('hls.js/light').then(
  ({ default: HlsJs }) => (HlsJs.isSupported() ? HlsJs : null),
  () => null,
)

/** The ways that stream-info and the browser leave, best first. */
export function waysOf(info: Playable, hlsSupported: boolean, nativeHls: boolean): Way[] {
  const ways: Way[] = []
  if (info.format === 'hls' && hlsSupported) ways.push('hls')
  else if (info.format === 'hls' && nativeHls) ways.push('native')
  if (info.stream_url) ways.push('progressive')
  return ways
}

export class Playback {
  readonly #options: PlaybackOptions
  readonly #destroyed = new AbortController()
  #place: Place = { position: 0, playing: false, rate: 1 }
  #end: () => void = () => undefined
  #expect: (time: number | null) => void = () => undefined
  /** Ways that failed since the last start. */
  #failed: Way[] = []
  #restarts: number[] = []
  #lastError: PlaybackError | null = null

  constructor(options: PlaybackOptions) {
    this.#options = options
    const { video } = options
    const look = () => (this.#place = placeOf(video, this.#place))
    for (const event of ['timeupdate', 'seeking', 'play', 'pause', 'ratechange']) {
      video.addEventListener(event, look, { signal: this.#destroyed.signal })
    }
  }

  /** Begins at `position` (seconds), playing if the browser lets it. */
  start(position: number, playing: boolean): void {
    this.#place = { position, playing, rate: 1 }
    void this.#begin()
  }

  /** From the beginning of all ways, where the viewer is. */
  retry(): void {
    this.#stop()
    this.#failed = []
    void this.#begin()
  }

  /** The viewer may soon go to this time (seconds), or to none. */
  expect(time: number | null): void {
    this.#expect(time)
  }

  destroy(): void {
    this.#destroyed.abort()
    this.#end()
  }

  async #begin(): Promise<void> {
    const { signal } = this.#destroyed
    const { video, onstate } = this.#options
    onstate({ kind: 'loading' })
    try {
      const [info, HlsJs] = await Promise.all([this.#ask(signal), hlsJs])
      if (signal.aborted) return
      const ways = waysOf(info, HlsJs !== null, video.canPlayType(NATIVE) !== '')
      const way = ways.find((candidate) => !this.#failed.includes(candidate))
      if (!way) throw new PlaybackError('media')
      this.#end = this.#play(way, info, HlsJs)
      onstate({ kind: 'ready', way, info })
    } catch (thrown) {
      if (!signal.aborted) this.#give(errorOf(thrown))
    }
  }

  #play(way: Way, info: Playable, HlsJs: HlsClass | null): () => void {
    const { video } = this.#options
    const onfail = (error: PlaybackError) => this.#next(way, error)
    if (way !== 'hls' || !HlsJs) {
      let first: Playable | null = info
      const locate = async (signal: AbortSignal) => {
        const now = first ?? (await this.#ask(signal))
        first = null
        return opened(way === 'native' ? manifestOf(now) : (now.stream_url ?? ''), now)
      }
      Renditions.on(video).replace([])
      return playPlain({ video, locate, place: () => this.#place, onfail })
    }
    const signatures = new Signatures(async (signal) => {
      const now = await this.#ask(signal)
      return opened(manifestOf(now), now)
    })
    signatures.onrepublished = () => this.#restart(way)
    const manifest = opened(manifestOf(info), info)
    const playing = playHls(HlsJs, { video, manifest, signatures, renditions: Renditions.on(video), place: this.#place, onfail })
    this.#expect = playing.expect
    return playing.end
  }

  async #ask(signal: AbortSignal): Promise<Playable> {
    const info = await playable(this.#options.ask, signal)
    this.#options.ontoken?.(info)
    return info
  }

  /** The clip was published anew: the same way, the same place, other files. */
  #restart(way: Way): void {
    const now = Date.now()
    this.#restarts = [...this.#restarts.filter((then) => now - then < RESTARTS_WITHIN), now]
    if (this.#restarts.length > RESTARTS) return this.#next(way, new PlaybackError('refused'))
    this.#stop()
    void this.#begin()
  }

  #next(failed: Way, error: PlaybackError): void {
    this.#stop()
    this.#failed.push(failed)
    // A file that does not play never says why: what the way before said stays.
    if (error.code !== 'media') this.#lastError = error
    void this.#begin()
  }

  #stop(): void {
    this.#end()
    this.#end = this.#expect = () => undefined
  }

  /** Nothing is left to try. Without a network, it is tried again when there is one. */
  #give(error: PlaybackError): void {
    // That no way is left says less than why one of them failed.
    const told = error.code === 'media' ? (this.#lastError ?? error) : error
    this.#lastError = null
    if (told.code === 'offline' || told.code === 'unreachable') {
      window.addEventListener('online', () => this.retry(), { once: true, signal: this.#destroyed.signal })
    }
    this.#options.onstate({ kind: 'error', code: told.code, sentence: told.message })
  }
}
