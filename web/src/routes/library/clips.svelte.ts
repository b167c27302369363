/** The list of clips that is shown: pages of it, and how far the unfinished ones are. */
import { sentence } from '../../api/problem.ts'
import { getVideo, listVideos, type Video } from '../../api/videos.ts'

/** ms between two looks at what is still being worked on. */
const PACE = 2000
/** Clips asked for at once; the rest waits for the next look. */
const WATCHED = 12

export const isUnfinished = (video: Video): boolean =>
  video.processing_status === 'pending' || video.processing_status === 'processing' || video.processing_status === 'uploading'

/** A clip plays before it has a poster: so long it may come, ms. */
const POSTER_COMES = 10 * 60_000

const mayChange = (video: Video): boolean =>
  isUnfinished(video) ||
  (video.processing_status === 'completed' && !video.has_poster && Date.now() - Date.parse(video.created_at) < POSTER_COMES)

/** To put them in another order than the newest first, so many are fetched at once, and so many at all. */
const [AT_ONCE, MOST] = [100, 1000]

/** Lists that were left, so that going back finds them. */
const kept = new Map<string, { videos: Video[]; cursor: string | null }>()
/** The oldest of more is forgotten. */
const KEPT = 8

interface Asked {
  q: string
  owner: string
  /** They are wanted all together. */
  whole: boolean
}

export class Clips {
  videos = $state.raw<Video[]>([])
  loading = $state(true)
  failure = $state('')
  #cursor = $state<string | null>(null)
  #asked: Asked
  #abort = new AbortController()

  constructor(asked: Asked) {
    this.#asked = asked
  }

  get hasMore(): boolean {
    return this.#cursor !== null
  }

  /** There are more than can be put in order. */
  get cut(): boolean {
    return this.#asked.whole && this.hasMore && this.videos.length >= MOST
  }

  /** The first page; where one comes back to, what stood there before. */
  async begin(back = false): Promise<void> {
    const before = back ? kept.get(this.#key) : undefined
    if (!before) return this.#fetch(null)
    this.videos = before.videos
    this.#cursor = before.cursor
    this.loading = false
    await this.#renew().catch(() => undefined)
  }

  get #key(): string {
    return JSON.stringify(this.#asked)
  }

  /** What has come and gone at the upper end since. */
  async #renew(): Promise<void> {
    const { videos } = await listVideos(this.#query(null), this.#abort.signal)
    const oldest = videos.at(-1)
    if (!oldest) return
    const fresh = new Set(videos.map((video) => video.short_id))
    const older = this.videos.filter((video) => video.created_at < oldest.created_at && !fresh.has(video.short_id))
    this.videos = [...videos, ...older]
  }

  #query(cursor: string | null) {
    const { q, owner, whole } = this.#asked
    return { q, owner, cursor, ...(whole ? { limit: AT_ONCE } : {}) }
  }

  /** Changes some in the list, or takes them off it. */
  change(changed: Map<string, Video | null>): void {
    this.videos = this.videos.flatMap((video) => {
      const newer = changed.get(video.short_id)
      return newer === null ? [] : [newer ? { ...video, ...newer } : video]
    })
  }

  /** The next page, unless one is on its way. */
  async more(): Promise<void> {
    if (!this.loading && this.#cursor !== null) await this.#fetch(this.#cursor)
  }

  async #fetch(cursor: string | null): Promise<void> {
    this.loading = true
    this.failure = ''
    try {
      const page = await listVideos(this.#query(cursor), this.#abort.signal)
      // What was uploaded meanwhile does not shift a cursor; a clip never stands twice.
      const known = new Set(this.videos.map((video) => video.short_id))
      this.videos = [...this.videos, ...page.videos.filter((video) => !known.has(video.short_id))]
      this.#cursor = page.next_cursor
      // A search of many clips may find nothing in a part of them: it goes on by itself.
      const goesOn = page.videos.length === 0 || (this.#asked.whole && this.videos.length < MOST)
      if (goesOn && page.next_cursor !== null) return await this.#fetch(page.next_cursor)
      this.loading = false
    } catch (error) {
      if (this.#abort.signal.aborted) return
      this.failure = sentence(error)
      this.loading = false
    }
  }

  /** Looks at the unfinished clips now and then, until `stop`. */
  watch(): void {
    const look = async () => {
      const unfinished = document.hidden ? [] : this.videos.filter(mayChange).slice(0, WATCHED)
      const seen = unfinished.map(({ short_id }) => getVideo(short_id, this.#abort.signal).catch(() => null))
      for (const video of await Promise.all(seen)) {
        if (!video) continue
        this.videos = this.videos.map((held) => (held.short_id === video.short_id ? { ...held, ...video } : held))
      }
      if (!this.#abort.signal.aborted) setTimeout(() => void look(), PACE)
    }
    setTimeout(() => void look(), PACE)
  }

  stop(): void {
    this.#abort.abort()
    // One that ended before anything came knows nothing better than what is kept.
    if (this.videos.length === 0) return
    kept.delete(this.#key)
    kept.set(this.#key, { videos: this.videos, cursor: this.#cursor })
    for (const oldest of [...kept.keys()].slice(0, -KEPT)) kept.delete(oldest)
  }
}
