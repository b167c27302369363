import { expect, test } from 'vitest'
import { pictureAt } from './still.ts'

const CUES = [
  { startTime: 0, endTime: 5, text: '/images/x/sprite0.jpg?md5=a#xywh=0,0,160,90' },
  { startTime: 5, endTime: 10, text: '/images/x/sprite0.jpg?md5=a#xywh=160,0,160,90' },
  { startTime: 10, endTime: 15, text: 'a caption' },
]
const at = (time: number) => pictureAt(CUES, 'http://host/storyboard.vtt', time)

test('a time has the part of the sprite whose cue holds it', () => {
  expect(at(5)).toEqual({ url: 'http://host/images/x/sprite0.jpg?md5=a', x: 160, y: 0, width: 160, height: 90 })
  expect(at(4.9)?.x).toBe(0)
})

test('where there is no picture, none is shown', () => {
  expect(at(12)).toBeNull()
  expect(at(99)).toBeNull()
})
