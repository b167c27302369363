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

export class Clips {
  videos = $state.raw<Video[]>([])
  loading = $state(true)
  failure = $state('')
  #cursor = $state<string | null>(null)
  #asked: { q: string; owner: string }
  #abort = new AbortController()

  constructor(asked: { q: string; owner: string }) {
    this.#asked = asked
  }

  get hasMore(): boolean {
    return this.#cursor !== null
  }

  /** The first page. */
  async begin(): Promise<void> {
    await this.#fetch(null)
  }

  /** The next page, unless one is on its way. */
  async more(): Promise<void> {
    if (!this.loading && this.#cursor !== null) await this.#fetch(this.#cursor)
  }

  async #fetch(cursor: string | null): Promise<void> {
    this.loading = true
    this.failure = ''
    try {
      const page = await listVideos({ ...this.#asked, cursor }, this.#abort.signal)
      // What was uploaded meanwhile does not shift a cursor; a clip never stands twice.
      const known = new Set(this.videos.map((video) => video.short_id))
      this.videos = [...this.videos, ...page.videos.filter((video) => !known.has(video.short_id))]
      this.#cursor = page.next_cursor
      // A search of many clips may find nothing in a part of them: it goes on by itself.
      if (page.videos.length === 0 && page.next_cursor !== null) return await this.#fetch(page.next_cursor)
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
  }
}
