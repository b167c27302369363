/** Videos as the API shows them. */
import { get, patch, post, remove } from './client.ts'
import type { Video, VideoChange, VideoDetails, VideoPage, paths } from './schema.ts'

export type { Video, VideoDetails } from './schema.ts'
export type Visibility = Video['visibility']

type Asked = Omit<NonNullable<paths['/api/videos']['get']['parameters']['query']>, 'cursor'> & { cursor?: string | null }

/** A page of the library, newest first. */
export function listVideos(asked: Asked, signal?: AbortSignal): Promise<VideoPage> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(asked)) if (value) query.set(name, String(value))
  return get(`/api/videos?${query}`, signal)
}

export const getVideo = (shortId: string, signal?: AbortSignal): Promise<VideoDetails> =>
  get(`/api/videos/${shortId}`, signal)

export const changeVideo = (shortId: string, change: VideoChange): Promise<Video> => patch(`/api/videos/${shortId}`, change)

export const deleteVideo = (shortId: string): Promise<void> => remove(`/api/videos/${shortId}`)

/** Tries a failed clip again. */
export const retryVideo = (shortId: string): Promise<Video> => post(`/api/videos/${shortId}/retry`)
