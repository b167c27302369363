/** Fetches ahead what the page of a clip will need: its code, its playlist and its first segment. */
import { isMetered } from '../../playback/metered.ts'
import { warm } from '../../playback/warm.ts'

let last: AbortController | undefined

/** One clip at a time. `token` is the one that stream-info will give as well, for tokens go in steps. */
export function warmClip(shortId: string, token: string): void {
  if (isMetered()) return
  last?.abort()
  last = new AbortController()
  void import('../watch/Watch.svelte')
  void import('hls.js/light')
  warm(shortId, { manifest_url: `/api/videos/${shortId}/hls/master.m3u8`, playback_token: token }, last.signal)
}
