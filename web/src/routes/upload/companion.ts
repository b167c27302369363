/** The endpoints below `/api/s3`, and patience with a connection that comes and goes. */
import { json, post } from '../../api/client.ts'
import { Problem, UNREACHABLE } from '../../api/problem.ts'
import type { CompletedUpload, ListedPart as Part, SignedPart, Upload as Begun } from '../../api/schema.ts'
import { partSize } from './titles.ts'

export type { ListedPart as Part, Upload as Begun } from '../../api/schema.ts'

/** Seconds; grows from one to the other. */
const [SHORTEST, LONGEST] = [1, 30]
/** So long a server may be away before a person is asked, ms. */
const PATIENCE = 5 * 60_000

/** The server's disk: a person has to make room. */
export const FULL = 507

const isPassing = (error: unknown): error is Problem =>
  error instanceof Problem &&
  (error.status === UNREACHABLE || error.status === 429 || (error.status >= 500 && error.status !== FULL))

/** Ends after `seconds`, when the connection comes back, or when `signal` is aborted. */
function pause(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      window.removeEventListener('online', done)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, seconds * 1000)
    window.addEventListener('online', done)
    signal?.addEventListener('abort', done)
  })
}

/** Tries again while nothing answers; offline for as long as it takes. Told to come back much later, it gives up at once. */
export async function patiently<T>(call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  let seconds = SHORTEST
  let deadline = Date.now() + PATIENCE
  for (;;) {
    try {
      return await call()
    } catch (error) {
      const wait = isPassing(error) ? (error.retryAfter ?? seconds) : Infinity
      if (signal?.aborted || wait * 1000 > PATIENCE || Date.now() > deadline) throw error
      if (!navigator.onLine) deadline = Date.now() + PATIENCE
      await pause(wait, signal)
      signal?.throwIfAborted()
      seconds = Math.min(seconds * 2, LONGEST)
    }
  }
}

const at = ({ uploadId }: { uploadId: string }, end = '') => `/api/s3/multipart/${encodeURIComponent(uploadId)}${end}`
const keyOf = ({ key }: { key: string }) => `?key=${encodeURIComponent(key)}`

/** Begins an upload. Size and quota are checked here, before the first byte. */
export const begin = (file: File, title: string): Promise<Begun> =>
  post('/api/s3/multipart', {
    filename: file.name,
    type: file.type,
    metadata: { title, size: file.size, part_size: partSize(file.size) },
  })

/** The parts that have arrived. */
export const parts = (upload: { uploadId: string; key: string }, signal?: AbortSignal): Promise<Part[]> =>
  patiently(() => json(at(upload) + keyOf(upload), { signal }), signal)

/** Where to put one part. */
export const sign = (
  upload: { uploadId: string; key: string },
  number: number,
  signal?: AbortSignal,
): Promise<SignedPart> =>
  patiently(() => json(at(upload, `/${number}`) + keyOf(upload), { signal }), signal)

/**
 * Asks once where parts go. The machine may have more names than the one that uploads go to, and the page's policy
 * lets it send to no other.
 *
 * @throws {Problem} if that is neither this page's address nor the one that it was built for.
 */
export async function requireReachable(upload: { uploadId: string; key: string }): Promise<void> {
  const { origin } = new URL((await sign(upload, 1)).url)
  const allowed = import.meta.env.UPLOAD_ORIGIN
  if (origin !== window.location.origin && origin !== allowed && allowed !== '*') {
    throw new Problem(UNREACHABLE, `Open Clipset at ${origin} to upload: this page has another address.`)
  }
}

/** Puts the parts together; may be done twice. */
export const complete = (
  upload: { uploadId: string; key: string },
  sent: { PartNumber?: number; ETag?: string }[],
  signal?: AbortSignal,
): Promise<CompletedUpload> => {
  const body = { parts: sent.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })) }
  return patiently(() => json(at(upload, '/complete') + keyOf(upload), { method: 'POST', body, signal }), signal)
}

/** Gives an upload up. */
export async function abort(upload: { uploadId: string; key: string }): Promise<void> {
  await json(at(upload) + keyOf(upload), { method: 'DELETE' })
}
