/** How a video is to be played now (contract, section 3). */
import type { StreamInfo } from '../api/schema.ts'
import { PlaybackError, errorOf } from './errors.ts'
import { retrying } from './retry.ts'

export type { StreamInfo }

/** Something that plays. */
export type Playable = Extract<StreamInfo, { ready: true }>

/** Something that plays as HLS. */
export type Hls = Extract<Playable, { format: 'hls' }>

/** Nothing plays yet. */
export type Waiting = Extract<StreamInfo, { ready: false }>

/** Of HLS; else there is none. */
export const manifestOf = (info: Playable): string => (info.format === 'hls' ? info.manifest_url : '')

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
