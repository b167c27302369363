import { expect, test } from 'vitest'
import { parseStoryboard, spread } from './storyboard.ts'

const vtt = `WEBVTT

00:00:00.000 --> 00:00:02.000
/images/u/sprite000.jpg?md5=a&expires=1#xywh=0,0,160,90

00:01:02.500 --> 00:01:04.000
/images/u/sprite000.jpg?md5=a&expires=1#xywh=160,90,160,90

NOTE nothing here
`

test('cues become places in a sprite', () => {
  const [first, second, ...rest] = parseStoryboard(vtt, 'http://clips.test/api/videos/x/storyboard.vtt')
  expect(rest).toEqual([])
  expect(first?.url).toBe('http://clips.test/images/u/sprite000.jpg?md5=a&expires=1')
  expect(second).toMatchObject({ start: 62.5, end: 64, x: 160, y: 90, width: 160, height: 90 })
})

test('a long clip is shown by pictures from all of it', () => {
  const pictures = Array.from({ length: 100 }, (_, i) => ({ start: i, end: i + 1, url: '', x: 0, y: 0, width: 1, height: 1 }))
  expect(spread(pictures, 4).map((picture) => picture.start)).toEqual([0, 25, 50, 75])
  expect(spread(pictures.slice(0, 2), 4)).toHaveLength(2)
})
