import { expect, test } from 'vitest'
import { partSize, titleOf } from './titles.ts'

const file = { name: 'lake_trip  2.final.MP4', lastModified: Date.parse('2026-03-10T12:00:00Z') }

test('a pattern names each of several files', () => {
  expect(titleOf('{name}', file, 1, 3)).toBe('lake trip 2.final')
  expect(titleOf('Holiday {n} ({date})', file, 7, 12)).toBe('Holiday 07 (2026-03-10)')
  expect(titleOf('  ', file, 1, 1)).toBe('lake trip 2.final')
  expect(titleOf('{other} {n}', file, 1, 1)).toBe('{other} 1')
  expect(titleOf('x'.repeat(300), file, 1, 1)).toHaveLength(200)
})

test('parts are within what S3 takes, for a file of any size', () => {
  for (const size of [1, 5 << 20, 2 ** 30, 10 * 2 ** 30, 5 * 2 ** 40]) {
    expect(partSize(size)).toBeGreaterThanOrEqual(5 << 20)
    expect(Math.ceil(size / partSize(size))).toBeLessThanOrEqual(10_000)
  }
})
