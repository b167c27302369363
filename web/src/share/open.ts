/** Opening a share, and asking for its video's streams with what it gives. */
import { Problem } from '../api/problem.ts'
import type { OpenedShare, SharedVideo } from '../api/schema.ts'
import type { StreamInfo } from '../playback/stream-info.ts'
import type { Inline } from './inline.ts'

/** What the page held is news for so long, ms. */
const NEWS = 5000

/**
 * The document of an answer, and when it was given by the server's clock, ms. Signed in or not, a share is opened by
 * itself: no cookie is sent along but, to open it, the one that the share gave.
 */
async function call<T>(path: string, init: RequestInit): Promise<{ told: T; at: number }> {
  const answer = await fetch(path, { credentials: 'omit', ...init }).catch((error: unknown) => {
    if (init.signal?.aborted) throw error
    throw Problem.unreachable()
  })
  if (!answer.ok) throw await Problem.of(answer)
  const at = Date.parse(answer.headers.get('Date') ?? '') || Date.now()
  return { told: (await answer.json()) as T, at }
}

/** Opens it by the session that the password gave this browser, or, where that was not kept, by the password. */
async function ask(shareId: string, password: string | null, signal?: AbortSignal): Promise<{ told: OpenedShare; at: number }> {
  const by = (body: object) =>
    call<OpenedShare>(`/api/shares/${shareId}/open`, {
      method: 'POST',
      credentials: 'same-origin',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
    })
  try {
    return await by({})
  } catch (error) {
    const wanted = error instanceof Problem && error.more['password_required'] === true
    if (!wanted || password === null) throw error
    return by({ password })
  }
}

export class OpenShare {
  readonly video: SharedVideo
  #token = ''
  #told: StreamInfo | null = null
  /** ms, our clock: then it is opened again, for a token is exchanged for no other. */
  #renewAt = 0

  private constructor(
    private readonly shareId: string,
    private readonly password: string | null,
    opened: { told: OpenedShare; at: number },
  ) {
    this.video = opened.told.video
    this.#take(opened)
  }

  /** @throws {Problem} 403 with `more.password_required`, 404, 429. */
  static async open(shareId: string, password: string | null): Promise<OpenShare> {
    return new OpenShare(shareId, password, await ask(shareId, password))
  }

  /** As the page held it. */
  static held(shareId: string, { at, opened, stream_info }: Inline): OpenShare {
    const share = new OpenShare(shareId, null, { told: opened, at })
    share.#told = stream_info
    setTimeout(() => (share.#told = null), NEWS)
    return share
  }

  /** Whoever plays asks ahead of the end of what they have: by then the share gives a token that ends later. */
  readonly streamInfo = async (signal: AbortSignal): Promise<StreamInfo> => {
    if (this.#told?.ready) return this.#told
    if (Date.now() >= this.#renewAt) await this.#renew(signal)
    try {
      return await this.#streamInfo(signal)
    } catch (error) {
      // Our clock may have been set back, or the server's key changed.
      if (!(error instanceof Problem) || error.status !== 401) throw error
      await this.#renew(signal)
      return this.#streamInfo(signal)
    }
  }

  async #streamInfo(signal: AbortSignal): Promise<StreamInfo> {
    const query = `token=${encodeURIComponent(this.#token)}`
    return (await call<StreamInfo>(`/api/videos/${this.video.short_id}/stream-info?${query}`, { signal })).told
  }

  async #renew(signal: AbortSignal): Promise<void> {
    this.#take(await ask(this.shareId, this.password, signal))
  }

  #take({ told, at }: { told: OpenedShare; at: number }): void {
    this.#token = told.token
    this.#renewAt = Date.now() + (told.expires * 1000 - at) / 2
  }
}
