/** What loads segments for hls.js: while the viewer waits for a picture, each part is handed on as it comes. */
import type { FragmentLoaderContext, HlsConfig, Loader, LoaderCallbacks, LoaderConfiguration, LoaderStats } from 'hls.js'
import type { Download, Segments } from './segments.ts'

/** Bytes that are worth handing on by themselves: about a picture and a half of 1080p. */
const PART = 32 * 1024
/** And at most: what is there already begins to be decoded while the rest is unpacked. */
const LARGE_PART = 256 * 1024

/** `urgent` says whether a viewer waits for what is loaded; what nobody waits for comes whole, which is less work. */
export function segmentLoader(segments: Segments, urgent: () => boolean): NonNullable<HlsConfig['fLoader']> {
  return class implements Loader<FragmentLoaderContext> {
    context: FragmentLoaderContext | null = null
    stats: LoaderStats = newStats()
    #download: Download | null = null
    #unfollow: () => void = () => undefined
    #timer: ReturnType<typeof setTimeout> | undefined
    #callbacks: LoaderCallbacks<FragmentLoaderContext> | null = null

    load(context: FragmentLoaderContext, config: LoaderConfiguration, callbacks: LoaderCallbacks<FragmentLoaderContext>): void {
      const { stats } = this
      const { rangeStart: from = 0, rangeEnd } = context
      const to = rangeEnd || Infinity
      this.context = context
      this.#callbacks = callbacks
      const asked = performance.now()
      const download = segments.open({ url: context.url, from })
      segments.drop(download)
      this.#download = download
      stats.loading.start = asked
      if (Number.isFinite(to)) stats.total = to - from
      const { maxTimeToFirstByteMs, maxLoadTimeMs } = config.loadPolicy
      this.#limit(maxTimeToFirstByteMs || maxLoadTimeMs)

      let given = from
      this.#unfollow = download.follow(() => {
        const here = Math.min(download.to, to)
        const complete = here === to || (download.ended && !download.failure)
        if (download.failure && here < to) return this.#fail(download.failure.status)
        if (here > from && stats.loading.first === 0) {
          stats.loading.first = performance.now()
          this.#limit(maxLoadTimeMs)
        }
        stats.loaded = here - from
        // Before hls.js looks at the last part, for it reads the measures then.
        if (complete) this.#measure(download, asked, from, here)
        // What hls.js is given may have it end this.
        while (callbacks.onProgress && this.#download === download && given < here) {
          const next = complete && !urgent() ? here : Math.min(here, given + LARGE_PART)
          if (!complete && !(urgent() && next - given >= PART)) return
          const { buffer } = download.bytes(given, next)
          given = next
          callbacks.onProgress(stats, context, buffer, download.response)
        }
        if (!complete || this.#download !== download) return
        const data = callbacks.onProgress ? new ArrayBuffer(0) : download.bytes(from, here).buffer
        const { response } = download
        this.#end()
        callbacks.onSuccess({ url: response?.url ?? context.url, data, code: response?.status ?? 200 }, stats, context, response)
      })
    }

    abort(): void {
      const [callbacks, context, download] = [this.#callbacks, this.context, this.#download]
      if (!download || !context) return
      this.stats.aborted = true
      this.#end()
      // Whoever follows it for other reasons keeps it.
      segments.drop()
      callbacks?.onAbort?.(this.stats, context, download.response)
    }

    destroy(): void {
      this.#end()
      this.#callbacks = null
      this.context = null
    }

    getCacheAge(): number | null {
      const age = this.#download?.response?.headers.get('age')
      return age ? parseFloat(age) : null
    }

    getResponseHeader(name: string): string | null {
      return this.#download?.response?.headers.get(name) ?? null
    }

    /** As if it had been asked for when its bytes began to come: else what was there already would pass for a fast line. */
    #measure(download: Download, asked: number, from: number, to: number): void {
      const { loading } = this.stats
      const begun = from > download.from ? download.cameAt(from) : download.begun
      loading.end = performance.now()
      loading.start = Math.min(asked, loading.end - (download.cameAt(to - 1) - begun))
      loading.first = Math.max(loading.start, Math.min(loading.end, loading.start + download.cameAt(from) - begun))
      this.stats.loaded = this.stats.total = to - from
    }

    #limit(ms: number): void {
      clearTimeout(this.#timer)
      if (!Number.isFinite(ms)) return
      this.#timer = setTimeout(() => {
        const [callbacks, context, download] = [this.#callbacks, this.context, this.#download]
        this.#end()
        segments.drop()
        if (context) callbacks?.onTimeout(this.stats, context, download?.response ?? null)
      }, ms)
    }

    #fail(code: number): void {
      const [callbacks, context, download] = [this.#callbacks, this.context, this.#download]
      this.#end()
      if (context) callbacks?.onError({ code, text: '' }, context, download?.response ?? null, this.stats)
    }

    #end(): void {
      clearTimeout(this.#timer)
      this.#unfollow()
      this.#unfollow = () => undefined
      this.#download = null
    }
  } as unknown as NonNullable<HlsConfig['fLoader']>
}

const newStats = (): LoaderStats => ({
  aborted: false,
  loaded: 0,
  retry: 0,
  total: 0,
  chunkCount: 0,
  bwEstimate: 0,
  loading: { start: 0, first: 0, end: 0 },
  parsing: { start: 0, end: 0 },
  buffering: { start: 0, first: 0, end: 0 },
})
