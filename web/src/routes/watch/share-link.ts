/** The link that one press shares. */
import { createShare, listShares, type Share } from '../../api/shares.ts'

/** Of a link that is made without further words, seconds: a week. */
export const USUAL_LIFE = 604_800
/** A link that ends within this time is not given again, ms. */
const LASTS = 24 * 3600 * 1000

export interface Shared {
  share: Share
  /** It is new; else one that there was is given again. */
  made: boolean
  copied: boolean
}

/** The newest of them that anybody may use and that lasts, of which `username` is the maker. */
export function usable(shares: Share[], username: string, now = Date.now()): Share | null {
  const good = shares.filter(
    ({ has_password, expires_at, created_by }) =>
      created_by === username && !has_password && (expires_at === null || Date.parse(expires_at) - now > LASTS),
  )
  return good.sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at))[0] ?? null
}

/** One that there is, or a new one: pressing twice makes no second. */
export async function shareLink(shortId: string, username: string): Promise<Omit<Shared, 'copied'>> {
  const there = usable(await listShares(shortId), username)
  return there ? { share: there, made: false } : { share: await createShare(shortId, { expires_in: USUAL_LIFE }), made: true }
}
