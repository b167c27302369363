/** Opening a share, and asking for its video's streams with what it gives. */
import { Problem } from '../api/problem.ts'
import type { StreamInfo } from '../playback/stream-info.ts'

export interface SharedVideo {
  short_id: string
  title: string
  duration_seconds: number | null
  width: number | null
  height: number | null
  processing_status: string
  /** 0 to 1. */
  progress: number
  has_poster: boolean
  has_storyboard: boolean
}

interface Opened {
  token: string
  video: SharedVideo
}

/** Signed in or not, a share is opened by itself: no session is sent along. */
async function call<T>(path: string, init: RequestInit): Promise<T> {
  const answer = await fetch(path, { ...init, credentials: 'omit' }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    throw Problem.unreachable()
  })
  if (!answer.ok) throw await Problem.of(answer)
  return (await answer.json()) as T
}

export class OpenShare {
  private constructor(
    private readonly shareId: string,
    private readonly password: string | null,
    private token: string,
    readonly video: SharedVideo,
  ) {}

  /** @throws {Problem} 403 with `more.password_required`, 404, 429. */
  static async open(shareId: string, password: string | null): Promise<OpenShare> {
    const { token, video } = await OpenShare.ask(shareId, password)
    return new OpenShare(shareId, password, token, video)
  }

  private static ask(shareId: string, password: string | null, signal?: AbortSignal): Promise<Opened> {
    return call(`/api/shares/${shareId}/open`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(password === null ? {} : { password }),
      signal: signal ?? null,
    })
  }

  /** Each answer brings a newer token; after a long sleep even that has run out, and the share is opened again. */
  readonly streamInfo = async (signal: AbortSignal): Promise<StreamInfo> => {
    try {
      return await this.#streamInfo(signal)
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error
      this.token = (await OpenShare.ask(this.shareId, this.password, signal)).token
      return this.#streamInfo(signal)
    }
  }

  async #streamInfo(signal: AbortSignal): Promise<StreamInfo> {
    const query = `token=${encodeURIComponent(this.token)}`
    const info = await call<StreamInfo>(`/api/videos/${this.video.short_id}/stream-info?${query}`, { signal })
    if (info.ready) this.token = info.playback_token
    return info
  }
}
