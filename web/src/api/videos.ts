/** Videos as the API shows them. */
import { get, patch, post, remove } from './client.ts'

export type ProcessingStatus = 'uploading' | 'pending' | 'processing' | 'completed' | 'failed'
export type Visibility = 'circle' | 'private'

export interface Video {
  short_id: string
  title: string
  description: string
  owner: string
  visibility: Visibility
  /** RFC 3339, UTC. */
  created_at: string
  duration_seconds: number | null
  size_bytes: number | null
  width: number | null
  height: number | null
  format: 'hls' | 'progressive' | 'unknown'
  processing_status: ProcessingStatus
  /** 0 to 1. */
  progress: number
  /** Why it failed, a sentence. */
  error: string | null
  /** What it waits for, in words. */
  note: string | null
  has_poster: boolean
  can_manage: boolean
  /** Opens this video's media and nothing else; once there is something to play. */
  playback_token?: string
}

/** What only the page of one video needs. */
export interface VideoDetails extends Video {
  has_storyboard: boolean
  has_original: boolean
  /** As the owner chose; null: as the settings say, 0: never. */
  expire_after_days: number | null
  /** When the clip is deleted by itself, RFC 3339, UTC. */
  expires_at: string | null
  notes?: string[]
}

export interface VideoPage {
  videos: Video[]
  next_cursor: string | null
}

export interface Asked {
  q?: string
  owner?: string
  cursor?: string | null
  limit?: number
}

/** A page of the library, newest first. */
export function listVideos(asked: Asked, signal?: AbortSignal): Promise<VideoPage> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked)) if (value) query.set(name, String(value))
  return get(`/api/videos?${query}`, signal)
}

export const getVideo = (shortId: string, signal?: AbortSignal): Promise<VideoDetails> =>
  get(`/api/videos/${shortId}`, signal)

export const changeVideo = (
  shortId: string,
  change: { title?: string; description?: string; visibility?: Visibility; expire_after_days?: number | null },
): Promise<Video> => patch(`/api/videos/${shortId}`, change)

export const deleteVideo = (shortId: string): Promise<void> => remove(`/api/videos/${shortId}`)

/** Tries a failed clip again. */
export const retryVideo = (shortId: string): Promise<Video> => post(`/api/videos/${shortId}/retry`)
