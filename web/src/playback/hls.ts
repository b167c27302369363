/** Playing segments with hls.js. */
import type Hls from 'hls.js/light'
import type { ErrorData, HlsConfig, LoaderCallbacks, LoaderConfiguration, LoadPolicy, PlaylistLoaderContext } from 'hls.js'
import workerPath from 'hls.js/dist/hls.worker.js?url'
import { PlaybackError, codeOf } from './errors.ts'
import { inPieces } from './pieces.ts'
import type { Place } from './place.ts'
import { goTo } from './place.ts'
import { isMetered } from './metered.ts'
import type { Renditions } from './renditions.ts'
import { segmentLoader } from './loader.ts'
import { FIRST_PAUSE, LONGEST_PAUSE } from './retry.ts'
import { Segments } from './segments.ts'
import type { Signatures } from './signatures.ts'

export type HlsClass = typeof Hls

export interface HlsOptions {
  video: HTMLVideoElement
  /** The first playlist, token included. */
  manifest: string
  signatures: Signatures
  renditions: Renditions
  place: Place
  /** It will not play this way. */
  onfail: (error: PlaybackError) => void
}

/** Tries after the first one, with pauses that double: about 24 s in all. */
const RETRIES = 6
/** Before anything plays nobody waits that long: about 4 s. */
const FIRST_RETRIES = 3
/** hls.js sets the decoder up anew at most so often. */
const RECOVERIES = 2
/** Statuses that a new signature may turn into a 200. */
const REFUSED = [401, 403, 404, 410]

const isRefused = (status: number | undefined): boolean => status !== undefined && REFUSED.includes(status)

export interface PlayingHls {
  end: () => void
  /** Fetches what a seek to this time (seconds) would need. */
  expect: (time: number | null) => void
}

/** Starts it. */
export function playHls(HlsJs: HlsClass, options: HlsOptions): PlayingHls {
  const { video, signatures, renditions, place, onfail } = options
  const ended = new AbortController()
  let recoveries = 0

  const segments = new Segments((url) => signatures.newest(url))
  const fLoader = segmentLoader(segments, () => video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA)
  const hls = new HlsJs({
    ...config(HlsJs, signatures, place.position),
    fLoader,
    startPosition: place.position > 0 ? place.position : -1,
  })

  function end(): void {
    if (ended.signal.aborted) return
    ended.abort()
    renditions.onchoose = () => undefined
    hls.destroy()
    segments.destroy()
  }

  function expect(time: number | null): void {
    // Whoever waits for a picture needs the line themselves.
    const busy = video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA
    if (time === null || busy || isMetered() || isBuffered(video, time)) return segments.fetchAhead(null)
    const level = hls.levels[hls.loadLevel]
    const fragment = level?.details?.fragments.find(({ start, duration }) => start <= time && time < start + duration)
    segments.fetchAhead(fragment ? { url: fragment.url, from: fragment.byteRangeStartOffset ?? 0 } : null)
  }

  // Whoever is told ends it, after a look at where the viewer is.
  function fail(error: PlaybackError): void {
    if (!ended.signal.aborted) onfail(error)
  }

  hls.on(HlsJs.Events.MANIFEST_PARSED, (_event, { levels }) => {
    renditions.onchoose = (index) => (hls.nextLevel = index)
    renditions.replace(
      levels.map(({ width, height, bitrate }, index) => ({ id: String(index), width, height, bitrate })),
    )
  })
  hls.on(HlsJs.Events.FRAG_LOADED, (_event, { frag }) => signatures.accept(frag.url))
  hls.on(HlsJs.Events.ERROR, (_event, data: ErrorData) => {
    const status = data.response?.code
    if (isRefused(status) && (data.fatal || signatures.exhausted)) return fail(new PlaybackError('refused'))
    if (!data.fatal) return
    if (data.type === HlsJs.ErrorTypes.MEDIA_ERROR && recoveries++ < RECOVERIES) return hls.recoverMediaError()
    if (data.type !== HlsJs.ErrorTypes.NETWORK_ERROR) return fail(new PlaybackError('media'))
    // Without a network no other way would do better: what is buffered plays on, and loading goes on when it is back.
    if (!navigator.onLine && hls.levels.length > 0) {
      window.addEventListener('online', () => hls.startLoad(), { once: true, signal: ended.signal })
    } else {
      fail(new PlaybackError(codeOf(status ?? 0)))
    }
  })

  goTo(video, place, ended.signal)
  hls.loadSource(options.manifest)
  hls.attachMedia(video)
  return { end, expect }
}

const isBuffered = ({ buffered }: HTMLVideoElement, time: number): boolean =>
  Array.from({ length: buffered.length }, (_, n) => n).some((n) => buffered.start(n) <= time && time < buffered.end(n))

function config(HlsJs: HlsClass, signatures: Signatures, start: number): Partial<HlsConfig> {
  return {
    workerPath,
    // Parts of a segment are taken as the loader hands them on.
    progressive: true,
    // Seconds, whatever the bit rate: more than the tries after a failure take, and little enough that a seek wastes nothing much.
    maxBufferLength: 30,
    maxMaxBufferLength: 30,
    backBufferLength: 60,
    capLevelToPlayerSize: true,
    // Bits a second, until it is measured: the source first, where hls.js would begin with the smallest.
    abrEwmaDefaultEstimate: 8_000_000,
    fragLoadPolicy: policy(HlsJs.DefaultConfig.fragLoadPolicy, signatures),
    playlistLoadPolicy: policy(HlsJs.DefaultConfig.playlistLoadPolicy, signatures),
    manifestLoadPolicy: policy(HlsJs.DefaultConfig.manifestLoadPolicy, signatures, FIRST_RETRIES),
    // Opened here, under the newest signature; hls.js opens only what is not yet open. It must not reject, for then
    // hls.js would go on with the old address.
    xhrSetup: async (xhr, url) => xhr.open('GET', await signatures.newest(url), true),
    pLoader: playlistLoader(HlsJs, signatures, start),
  }
}

/** hls.js never tries a 4xx again, nor what got no answer while the browser believes itself online. */
function policy(given: LoadPolicy, signatures: Signatures, retries = RETRIES): LoadPolicy {
  return {
    default: {
      ...given.default,
      errorRetry: {
        maxNumRetry: retries,
        retryDelayMs: FIRST_PAUSE,
        maxRetryDelayMs: LONGEST_PAUSE,
        shouldRetry: (_config, count, isTimeout, response) => {
          if (isRefused(response?.code)) return response ? signatures.refuse(response.url) : false
          const trouble = isTimeout || response?.code === 0 || (response?.code ?? 0) >= 500
          return trouble && count < retries
        },
      },
    },
  }
}

/** hls.js's own loader, with an ear for what the playlists say about signatures; it hands them on in pieces. */
function playlistLoader(HlsJs: HlsClass, signatures: Signatures, start: number): NonNullable<HlsConfig['pLoader']> {
  const Loader = HlsJs.DefaultConfig.loader as unknown as NonNullable<HlsConfig['pLoader']>
  return class extends Loader {
    override load(context: PlaylistLoaderContext, loaderConfig: LoaderConfiguration, callbacks: LoaderCallbacks<PlaylistLoaderContext>) {
      super.load(context, loaderConfig, {
        ...callbacks,
        onSuccess: (response, stats, from, xhr) => {
          if (xhr instanceof XMLHttpRequest && typeof response.data === 'string') {
            const served = { date: xhr.getResponseHeader('Date'), cacheControl: xhr.getResponseHeader('Cache-Control') }
            signatures.learn(response.url, response.data, served, false)
            response.data = inPieces(response.data, start)
          }
          callbacks.onSuccess(response, stats, from, xhr)
        },
      })
    }
  }
}
