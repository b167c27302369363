/** Fetches what a player will ask for first into the browser's cache, while the player's own code still comes. */
import workerPath from 'hls.js/dist/hls.worker.js?url'
import { placeIn, timeIn } from '../player/resume.ts'
import { opened, type Hls } from './stream-info.ts'

/** The segment that holds `place` (seconds); null in a playlist of playlists, where nobody knows yet which one plays. */
export function segmentAt(playlist: string, base: string, place: number): string | null {
  let end = 0
  let last = null
  for (const line of playlist.split(/\r?\n/)) {
    if (line.startsWith('#EXT-X-STREAM-INF')) return null
    if (line.startsWith('#EXTINF:')) end += parseFloat(line.slice('#EXTINF:'.length))
    if (line === '' || line.startsWith('#')) continue
    last = new URL(line, base).href
    if (place < end) return last
  }
  return last
}

/** What does not come is asked for again by who needs it. */
export function warm(shortId: string, info: Pick<Hls, 'manifest_url' | 'playback_token'>, signal?: AbortSignal): void {
  const place = timeIn(new URLSearchParams(location.search)) ?? placeIn(shortId)
  void fetch(workerPath).catch(() => undefined)
  const init = signal ? { signal } : {}
  void fetch(opened(info.manifest_url, info), init)
    .then(async (answer) => {
      const segment = answer.ok ? segmentAt(await answer.text(), answer.url, place) : null
      if (segment) await (await fetch(segment, init)).arrayBuffer()
    })
    .catch(() => undefined)
}
