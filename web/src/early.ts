/**
 * Begins what the page of a clip needs before the application is there to ask for it: one call that refreshes the session and
 * brings stream-info along, then the playlist and the first segment, and meanwhile the code that plays.
 */
import { warm } from './playback/warm.ts'
import type { StreamInfo } from './playback/stream-info.ts'

const shortId = /^\/v\/([0-9A-Za-z]{10})\/?$/.exec(location.pathname)?.[1]

async function begin(id: string): Promise<Response | null> {
  const answer = await fetch(`/api/auth/refresh?video=${id}`, { method: 'POST' }).catch(() => null)
  if (answer?.ok) {
    const { stream_info } = (await answer.clone().json()) as { stream_info?: StreamInfo }
    if (stream_info?.ready && stream_info.format === 'hls') warm(id, stream_info)
  }
  return answer
}

if (shortId) {
  globalThis.clipsetRefreshed = begin(shortId)
  void import('hls.js/light')
  void import('./routes/watch/Watch.svelte')
}
