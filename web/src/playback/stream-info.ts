/** How a video is to be played now (contract, section 3). */
import { PlaybackError, errorOf } from './errors.ts'
import { retrying } from './retry.ts'

export interface Playable {
  ready: true
  format: 'hls' | 'progressive'
  /** Of HLS. */
  manifest_url?: string
  /** Of progressive; of HLS, the fall-back, where there is one. */
  stream_url?: string
  /** Opens this video's media and nothing else, as long as signatures live. */
  playback_token: string
  duration_seconds: number
  width: number
  height: number
  poster_url?: string
}

export interface Waiting {
  ready: false
  format: 'unknown'
  processing_status: 'pending' | 'processing' | 'failed'
  /** 0 to 1. */
  progress: number
  error?: string
}

export type StreamInfo = Playable | Waiting

/**
 * Asks for the stream-info of one video, with whatever the watcher has to show: a session, or a share. What it throws
 * has the HTTP `status`, 0 where nothing answered.
 */
export type Ask = (signal: AbortSignal) => Promise<StreamInfo>

/** Asks for something that plays, again where the server had trouble. @throws {PlaybackError} */
export async function playable(ask: Ask, signal: AbortSignal): Promise<Playable> {
  try {
    const info = await retrying(() => ask(signal), signal)
    if (!info.ready) throw new PlaybackError('not-ready')
    return info
  } catch (thrown) {
    throw errorOf(thrown)
  }
}

/** An address of media with its token. */
export const opened = (url: string, info: Pick<Playable, 'playback_token'>): string => `${url}?token=${encodeURIComponent(info.playback_token)}`
