/** Which of the clips are shown, and in which order; in the address, so that it can be shared. */
import type { Video } from '../../api/videos.ts'

export const SORTS = { newest: 'Newest first', oldest: 'Oldest first', longest: 'Longest first', title: 'By title' } as const
export type Sort = keyof typeof SORTS

export const FILTERS = { mine: 'Mine', processing: 'Processing', failed: 'Failed', private: 'Private' } as const
export type Filter = keyof typeof FILTERS

export interface Asked {
  q: string
  owner: string
  sort: Sort
  filters: Filter[]
}

const has = <T extends object>(table: T, name: string): name is keyof T & string => Object.hasOwn(table, name)

export function askedIn(query: URLSearchParams): Asked {
  const sort = query.get('sort') ?? ''
  return {
    q: query.get('q') ?? '',
    owner: query.get('owner') ?? '',
    sort: has(SORTS, sort) ? sort : 'newest',
    filters: (query.get('show') ?? '').split(',').filter((name): name is Filter => has(FILTERS, name)),
  }
}

export function addressOf({ q, owner, sort, filters }: Asked): string {
  const query = new URLSearchParams()
  if (q.trim()) query.set('q', q.trim())
  if (owner) query.set('owner', owner)
  if (sort !== 'newest') query.set('sort', sort)
  if (filters.length > 0) query.set('show', filters.join(','))
  return query.size > 0 ? `/?${query}` : '/'
}

/** Whether a clip passes them: of the states one, and each of the others. `mine` is the API's to answer. */
export function fits(video: Video, filters: Filter[]): boolean {
  const state = video.processing_status === 'failed' ? 'failed' : video.processing_status === 'completed' ? null : 'processing'
  const states = filters.filter((name) => name === 'processing' || name === 'failed')
  if (states.length > 0 && !states.some((name) => name === state)) return false
  return !filters.includes('private') || video.visibility === 'private'
}

const ORDER: Record<Sort, (a: Video, b: Video) => number> = {
  newest: () => 0,
  oldest: (a, b) => Date.parse(a.created_at) - Date.parse(b.created_at),
  longest: (a, b) => (b.duration_seconds ?? 0) - (a.duration_seconds ?? 0),
  title: (a, b) => a.title.localeCompare(b.title, undefined, { numeric: true, sensitivity: 'base' }),
}

/** Of clips that came newest first. */
export const arrange = (videos: Video[], { sort, filters }: Asked): Video[] =>
  videos.filter((video) => fits(video, filters)).sort(ORDER[sort])
