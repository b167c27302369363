import { expect, test } from 'vitest'
import { Taps } from './taps.ts'

test('two quick taps on one side belong together, and each further one goes on', () => {
  const taps = new Taps()
  expect([100, 300, 550].map((at) => taps.tap(1, at))).toEqual([false, true, true])
  expect(taps.tap(1, 900)).toBe(false)
  expect(taps.tap(-1, 1000)).toBe(false)
  expect(taps.tap(-1, 1100)).toBe(true)
})
