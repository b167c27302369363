import { expect, test } from 'vitest'
import { pictureFrom } from './frames.ts'

test('a step goes to the middle of the picture beside, from wherever one is in the one that is shown', () => {
  const length = 1 / 25
  for (const time of [4, 4.001, 4.02, 4.039]) {
    expect(pictureFrom(time, 1, length)).toBeCloseTo(4.06)
    expect(pictureFrom(time, -1, length)).toBeCloseTo(3.98)
  }
  expect(pictureFrom(0, -1, length)).toBe(0)
})

test('steps add up to as many pictures, in rates that are no whole numbers', () => {
  const length = 1001 / 30_000
  let time = 0
  for (let n = 0; n < 300; n++) time = pictureFrom(time, 1, length)
  expect(Math.floor(time / length)).toBe(300)
})
