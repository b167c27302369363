/** What the page of a share without a password holds for its player, so that nothing need be asked for. */
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

/** The answer to opening a share. */
export interface Opened {
  token: string
  /** Unix seconds. */
  expires: number
  video: SharedVideo
}

export interface Inline {
  /** When it was written by the server's clock, ms. */
  at: number
  opened: Opened
  stream_info: StreamInfo
}

export function inline(): Inline | null {
  const text = document.getElementById('opened')?.textContent
  return text ? (JSON.parse(text) as Inline) : null
}
