/** Shares: links with which anybody who has them watches one video. */
import { get, post, remove } from './client.ts'

export interface Share {
  share_id: string
  url: string
  created_by: string
  /** RFC 3339, UTC. */
  created_at: string
  expires_at: string | null
  has_password: boolean
}

export interface Wanted {
  /** Seconds; without, it does not end. */
  expires_in?: number
  password?: string
}

export const listShares = async (shortId: string): Promise<Share[]> =>
  (await get<{ shares: Share[] }>(`/api/videos/${shortId}/shares`)).shares

export const createShare = (shortId: string, wanted: Wanted): Promise<Share> => post(`/api/videos/${shortId}/shares`, wanted)

export const revokeShare = (shortId: string, shareId: string): Promise<void> =>
  remove(`/api/videos/${shortId}/shares/${shareId}`)
