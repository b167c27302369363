import { expect, test } from 'vitest'
import { Speed } from './speed.ts'

test('the speed is that of the last seconds, and unknown at first', () => {
  const speed = new Speed()
  speed.note(0, 0)
  speed.note(500, 500)
  expect(speed.perSecond).toBeNull()
  for (let at = 1000; at <= 20_000; at += 500) speed.note(at, at)
  expect(speed.perSecond).toBe(1000)
  for (let at = 20_500; at <= 40_000; at += 500) speed.note(20_000 + (at - 20_000) * 3, at)
  expect(speed.perSecond).toBe(3000)
})

test('after a pause it is measured anew', () => {
  const speed = new Speed()
  speed.note(0, 0)
  speed.note(4000, 4000)
  speed.note(4100, 60_000)
  expect(speed.perSecond).toBeNull()
  speed.note(8100, 62_000)
  expect(speed.perSecond).toBe(2000)
})
