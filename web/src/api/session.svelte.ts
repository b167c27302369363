/** Who is signed in: the access token in memory, renewed by the refresh cookie. */
import type { StreamInfo } from '../playback/stream-info.ts'
import { Problem, UNREACHABLE } from './problem.ts'
import type { Me, Session } from './schema.ts'

export type Role = Me['role']

/** A token is renewed so long before its end, ms. */
const MARGIN = 60_000

let accessToken: string | null = null
/** Unix time in ms. */
let endsAt = 0
let along: StreamInfo | null = null
let renewal: Promise<void> | null = null
let user = $state.raw<Me | null>(null)
let known = $state(false)

/** Reactive: whether it is known yet, and who it is. */
export const session = {
  /** False until the first refresh was answered. */
  get known() {
    return known
  },
  get user() {
    return user
  },
  get isAdmin() {
    return user?.role === 'admin'
  },
}

async function post(path: string, body?: unknown): Promise<Response> {
  const init: RequestInit = { method: 'POST' }
  if (body !== undefined) {
    init.headers = { 'Content-Type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  return good(await fetch(path, init).catch(() => null))
}

async function good(answer: Response | null): Promise<Response> {
  if (!answer) throw Problem.unreachable()
  if (!answer.ok) throw await Problem.of(answer)
  return answer
}

/** The refresh that the page began before this script was there, once. One that failed is no answer: it may be an old one. */
async function begun(): Promise<Response | null> {
  const early = globalThis.clipsetRefreshed
  globalThis.clipsetRefreshed = undefined
  const answer = await early
  return answer && answer.status < 500 ? good(answer) : null
}

/** The claims that the contract names; the server checks them, we only show them. */
export function claims(token: string): Me {
  const bytes = Uint8Array.from(atob((token.split('.')[1] ?? '').replace(/-/g, '+').replace(/_/g, '/')), (c) =>
    c.charCodeAt(0),
  )
  const { sub, role } = JSON.parse(new TextDecoder().decode(bytes)) as { sub: string; role: Role }
  return { username: sub, role }
}

/** Takes the pair of an answer: of login, refresh, register or a new password. */
export async function take(answer: Response): Promise<void> {
  const pair = (await answer.json()) as Session
  accessToken = pair.access_token
  endsAt = Date.now() + pair.expires_in * 1000
  along = pair.stream_info ?? null
  const next = claims(accessToken)
  if (user?.username !== next.username || user.role !== next.role) user = next
  known = true
}

function end(): void {
  accessToken = null
  endsAt = 0
  user = null
  known = true
}

/** Renews the pair by the cookie; all who ask at once wait for the same answer. */
export function refresh(): Promise<void> {
  renewal ??= begun()
    .then((early) => early ?? post('/api/auth/refresh'))
    .then(take)
    .catch((error: unknown) => {
      if (error instanceof Problem && (error.status === 401 || error.status === 403)) end()
      throw error
    })
    .finally(() => (renewal = null))
  return renewal
}

/** The stream-info that came along with the session, once: it is of the clip in whose page one began. */
export function broughtAlong(): StreamInfo | null {
  const info = along
  along = null
  return info
}

/** Finds out at the start whether somebody is signed in. Throws only if nothing answers. */
export async function resume(): Promise<void> {
  await refresh().catch((error: unknown) => {
    if (!(error instanceof Problem) || error.status === UNREACHABLE || error.status >= 500) throw error
    end()
  })
}

/** A token that is good for a while; null if nobody is signed in. */
export async function token(): Promise<string | null> {
  if (accessToken && Date.now() > endsAt - MARGIN) await refresh().catch(() => undefined)
  return accessToken
}

/** After a 401: a new token, unless another request has got one meanwhile. */
export async function renewed(refused: string | null): Promise<string | null> {
  if (accessToken === refused) await refresh()
  return accessToken
}

export const signIn = async (username: string, password: string): Promise<void> =>
  take(await post('/api/auth/login', { username, password }))

/** Uses an invitation, or the link that sets a new password (then without `username`). */
export const register = async (invitation: string, password: string, username?: string): Promise<void> =>
  take(await post('/api/auth/register', { invitation, password, ...(username === undefined ? {} : { username }) }))

/** Ends this device, and forgets the token even if the server cannot be told. */
export async function signOut(): Promise<void> {
  await post('/api/auth/logout')
  end()
}
