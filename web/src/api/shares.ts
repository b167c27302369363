/** Shares: links with which anybody who has them watches one video. */
import { get, post, remove } from './client.ts'
import type { NewShare, Share, Shares } from './schema.ts'

export type { Share } from './schema.ts'

export const listShares = async (shortId: string): Promise<Share[]> =>
  (await get<Shares>(`/api/videos/${shortId}/shares`)).shares

export const createShare = (shortId: string, wanted: NewShare): Promise<Share> => post(`/api/videos/${shortId}/shares`, wanted)

export const revokeShare = (shortId: string, shareId: string): Promise<void> =>
  remove(`/api/videos/${shortId}/shares/${shareId}`)
