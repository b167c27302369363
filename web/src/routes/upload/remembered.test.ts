import { expect, test } from 'vitest'
import { RememberedUploads, fingerprint } from './remembered.ts'

const DAY = 24 * 3600 * 1000

function storage() {
  const held = new Map<string, string>()
  return { getItem: (key: string) => held.get(key) ?? null, setItem: (key: string, value: string) => void held.set(key, value) }
}

const upload = (begunAt: number) => ({ uploadId: 'u', key: 'originals/x', shortId: 'aB3dE6gH9j', title: 'Lake', begunAt })
const print = fingerprint({ name: 'lake.mp4', size: 5, lastModified: 1 })

test('the same file finds its upload, another file or another member does not', () => {
  const shared = storage()
  const mine = new RememberedUploads('ada', shared)
  mine.keep(print, upload(0), 0)
  expect(mine.find(print, 0)?.shortId).toBe('aB3dE6gH9j')
  expect(mine.find(fingerprint({ name: 'lake.mp4', size: 6, lastModified: 1 }), 0)).toBeNull()
  expect(new RememberedUploads('bob', shared).find(print, 0)).toBeNull()
  expect(mine.all(0).map(({ name, title }) => [name, title])).toEqual([['lake.mp4', 'Lake']])
  mine.forget(print)
  expect(mine.find(print, 0)).toBeNull()
})

test('an upload of last week is forgotten', () => {
  const mine = new RememberedUploads('ada', storage())
  mine.keep(print, upload(0), 0)
  expect(mine.find(print, 6 * DAY)).not.toBeNull()
  expect(mine.find(print, 8 * DAY)).toBeNull()
})

test('storage that holds something else, or is forbidden, remembers nothing', () => {
  const forbidden = () => {
    throw new Error('forbidden')
  }
  expect(new RememberedUploads('ada', { getItem: () => '[', setItem: () => undefined }).find(print)).toBeNull()
  const mine = new RememberedUploads('ada', { getItem: forbidden, setItem: forbidden })
  mine.keep(print, upload(Date.now()))
  expect(mine.find(print)).toBeNull()
})
