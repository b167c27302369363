import { expect, test } from 'vitest'
import { timeIn } from './resume.ts'

test('a time in an address is seconds, or hours, minutes and seconds', () => {
  const time = (t: string) => timeIn(new URLSearchParams({ t }))
  expect(['83', '83s', '1m', '1h2m3s', '0'].map(time)).toEqual([83, 83, 60, 3723, 0])
  expect(['', 'x', '-1', '1:30', '3s1h', '1e3'].map(time)).toEqual([null, null, null, null, null, null])
})
