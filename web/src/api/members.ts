/** Members and invitations, as administrators see them. */
import { get, patch, post, remove } from './client.ts'
import type { Role } from './session.svelte.ts'

export interface Member {
  username: string
  role: Role
  disabled: boolean
  created_at: string
  /** Clips that are not deleted. */
  videos: number
  /** Of their uploads. */
  uploaded_bytes: number
}

export interface Invitation {
  id: string
  email: string | null
  role: Role
  /** The account whose password it sets. */
  resets: string | null
  invited_by: string
  created_at: string
  expires_at: string
  used_by: string | null
  open: boolean
}

export const listMembers = async (): Promise<Member[]> => (await get<{ users: Member[] }>('/api/users')).users

export const changeMember = (
  username: string,
  change: { role?: Role; disabled?: boolean; reset_password?: boolean },
): Promise<Member & { reset_url?: string; reset_expires_at?: string }> =>
  patch(`/api/users/${encodeURIComponent(username)}`, change)

export interface Transferred {
  transferred: number
  /** Clips that are still to be handed over: ask again. */
  remaining: number
  /** Uploads under way, which stay. */
  uploading: number
  /** Clips whose records cannot be read, which stay. */
  unreadable: string[]
}

/** Hands all clips of one member over to another; asks again until none is left. */
export async function transferClips(from: string, to: string): Promise<Transferred> {
  let transferred = 0
  for (;;) {
    const done = await post<Transferred>(`/api/users/${encodeURIComponent(from)}/clips/transfer`, { to })
    transferred += done.transferred
    if (done.remaining === 0 || done.transferred === 0) return { ...done, transferred }
  }
}

export const listInvitations = async (): Promise<Invitation[]> =>
  (await get<{ invitations: Invitation[] }>('/api/invitations')).invitations

export const invite = (invitation: { email?: string; role: Role }): Promise<Invitation & { url: string }> =>
  post('/api/invitations', invitation)

export const withdraw = (id: string): Promise<void> => remove(`/api/invitations/${id}`)
