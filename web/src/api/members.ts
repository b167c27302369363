/** Members and invitations, as administrators see them. */
import { get, patch, post, remove } from './client.ts'
import type { ChangedMember, Invitation, Invitations, Invited, Member, MemberChange, Members, NewInvitation, Transferred } from './schema.ts'

export type { Invitation, Member } from './schema.ts'

export const listMembers = async (): Promise<Member[]> => (await get<Members>('/api/users')).users

export const changeMember = (username: string, change: MemberChange): Promise<ChangedMember> =>
  patch(`/api/users/${encodeURIComponent(username)}`, change)

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
  (await get<Invitations>('/api/invitations')).invitations

export const invite = (invitation: NewInvitation): Promise<Invited> =>
  post('/api/invitations', invitation)

export const withdraw = (id: string): Promise<void> => remove(`/api/invitations/${id}`)
