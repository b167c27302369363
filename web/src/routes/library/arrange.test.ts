import { expect, test } from 'vitest'
import type { Video } from '../../api/videos.ts'
import { addressOf, arrange, askedIn, type Asked } from './arrange.ts'

const clip = (title: string, more: Partial<Video>) => ({ title, visibility: 'circle', processing_status: 'completed', ...more }) as Video
const CLIPS = [
  clip('Clip 10', { created_at: '2026-03-04T00:00:00Z', duration_seconds: 5, visibility: 'private' }),
  clip('étude', { created_at: '2026-03-03T00:00:00Z', duration_seconds: 50, processing_status: 'failed', visibility: 'private' }),
  clip('Clip 9', { created_at: '2026-03-02T00:00:00Z', duration_seconds: null, processing_status: 'pending' }),
  clip('Estate', { created_at: '2026-03-01T00:00:00Z', duration_seconds: 7 }),
]
const shown = (asked: Partial<Asked>) =>
  arrange(CLIPS, { q: '', owner: '', sort: 'newest', filters: [], ...asked }).map(({ title }) => title)

test('clips stand in the order that is asked for', () => {
  expect(shown({})).toEqual(['Clip 10', 'étude', 'Clip 9', 'Estate'])
  expect(shown({ sort: 'oldest' })).toEqual(['Estate', 'Clip 9', 'étude', 'Clip 10'])
  expect(shown({ sort: 'longest' })).toEqual(['étude', 'Estate', 'Clip 10', 'Clip 9'])
  expect(shown({ sort: 'title' })).toEqual(['Clip 9', 'Clip 10', 'Estate', 'étude'])
})

test('states add to each other, and what is private narrows them down', () => {
  expect(shown({ filters: ['failed'] })).toEqual(['étude'])
  expect(shown({ filters: ['failed', 'processing'] })).toEqual(['étude', 'Clip 9'])
  expect(shown({ filters: ['private'] })).toEqual(['Clip 10', 'étude'])
  expect(shown({ filters: ['private', 'failed', 'processing'] })).toEqual(['étude'])
})

test('what is asked for stands in the address, and what an address makes up counts for nothing', () => {
  const asked: Asked = { q: 'the lake', owner: 'ada', sort: 'title', filters: ['mine', 'failed'] }
  expect(askedIn(new URL(addressOf(asked), 'https://x.example').searchParams)).toEqual(asked)
  expect(askedIn(new URLSearchParams('sort=toString&show=constructor,failed'))).toEqual({ q: '', owner: '', sort: 'newest', filters: ['failed'] })
})
