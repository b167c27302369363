import { expect, test } from 'vitest'
import { ago, bytes, clock, lasting } from './format.ts'

test('durations read like a clock', () => {
  expect([0.4, 7, 61, 3723].map(clock)).toEqual(['0:00', '0:07', '1:01', '1:02:03'])
})

test('sizes have the unit that fits', () => {
  expect([0, 1, 999, 1000, 10_485_760, 99_960_000, 999_999, 150_000_000, 10 * 2 ** 30, 5e12].map(bytes)).toEqual([
    '0 bytes',
    '1 byte',
    '999 bytes',
    '1 kB',
    '10.5 MB',
    '100 MB',
    '1 MB',
    '150 MB',
    '10.7 GB',
    '5 TB',
  ])
})

test('times near are relative, far ones are dates', () => {
  const now = Date.parse('2026-03-10T12:00:00Z')
  expect(ago('2026-03-10T11:59:40Z', now)).toBe('just now')
  expect(ago('2026-03-10T11:15:00Z', now)).toBe('45 minutes ago')
  expect(ago('2026-03-09T12:00:00Z', now)).toBe('yesterday')
  expect(ago('2026-01-02T12:00:00Z', now)).toBe('Jan 2, 2026')
})

test('what is left is said as one waits for it', () => {
  expect([0, 6, 58, 61, 3599, 3601, 9000].map(lasting)).toEqual(['a moment', '10 s', '60 s', '2 min', '60 min', '1.5 h', '2.5 h'])
})
