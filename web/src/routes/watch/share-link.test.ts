import { expect, test } from 'vitest'
import type { Share } from '../../api/shares.ts'
import { usable } from './share-link.ts'

const NOW = Date.parse('2026-03-10T12:00:00Z')
const share = (share_id: string, more: Partial<Share> = {}): Share => ({
  share_id,
  url: `https://clips.example/s/${share_id}`,
  created_by: 'ada',
  created_at: '2026-03-01T12:00:00Z',
  expires_at: null,
  has_password: false,
  ...more,
})

test('of the links that there are the newest that anybody may use and that lasts is given again', () => {
  const [old, asks, ends, bobs] = [
    share('old'),
    share('asks', { has_password: true }),
    share('ends', { expires_at: '2026-03-11T11:00:00Z' }),
    share('bobs', { created_by: 'bob' }),
  ]
  const lasting = share('lasting', { created_at: '2026-03-02T12:00:00Z', expires_at: '2026-03-12T12:00:00Z' })
  expect(usable([asks, ends, bobs], 'ada', NOW)).toBeNull()
  expect(usable([asks, old, lasting, ends, bobs], 'ada', NOW)).toBe(lasting)
})
