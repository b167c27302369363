/** Downloading the original. */
import { request } from '../../api/client.ts'
import { Problem } from '../../api/problem.ts'

/**
 * Goes to the signed address of the original, which is sent as a download. The API leads there only with the session's
 * header, which a plain link cannot carry and which must not stand in an address; so the way is asked for, and not one
 * byte of the file waited for.
 */
export async function downloadOriginal(shortId: string): Promise<void> {
  const stop = new AbortController()
  const answer = await request(`/api/videos/${shortId}/original`, { signal: stop.signal })
  if (!answer.ok) throw await Problem.of(answer)
  stop.abort()
  // Not the page's own address, which a second one would change before the first has begun.
  Object.assign(document.createElement('a'), { href: answer.url, download: '' }).click()
}
