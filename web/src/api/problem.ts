/** What the API refuses, in its own words (RFC 9457). */

/** Nothing answered at all. */
export const UNREACHABLE = 0

export class Problem extends Error {
  override name = 'Problem'

  constructor(
    /** The HTTP status; `UNREACHABLE` where there was no answer. */
    readonly status: number,
    /** A sentence that says what to do. */
    detail: string,
    /** Seconds after which another try makes sense, where the server said so. */
    readonly retryAfter: number | null = null,
    /** The rest of the document: `errors` of settings, a sentence per field. */
    readonly more: Record<string, unknown> = {},
  ) {
    super(detail)
  }

  static unreachable(): Problem {
    return new Problem(UNREACHABLE, 'The server does not answer. Check your connection and try again.')
  }

  /** Reads an answer that is not a success. */
  static async of(answer: Response): Promise<Problem> {
    const document: unknown = await answer.json().catch(() => null)
    const more = typeof document === 'object' && document !== null ? { ...document } : {}
    const detail = 'detail' in more && typeof more.detail === 'string' ? more.detail : null
    const retryAfter = Number.parseInt(answer.headers.get('Retry-After') ?? '', 10)
    return new Problem(
      answer.status,
      detail ?? `The server answered ${answer.status}. Try again in a moment.`,
      Number.isNaN(retryAfter) ? null : retryAfter,
      more,
    )
  }
}

/** The sentence to show for anything that was thrown. */
export const sentence = (error: unknown): string =>
  error instanceof Problem ? error.message : 'Something went wrong in this page. Reload it and try again.'
