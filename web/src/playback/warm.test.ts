import { expect, test } from 'vitest'
import { segmentAt } from './warm.ts'

const PLAYLIST = '#EXTM3U\n#EXTINF:4.0,\n/hls/x/segment000.ts?md5=a\n#EXTINF:4.0,\n/hls/x/segment001.ts?md5=b\n#EXT-X-ENDLIST\n'
const at = (place: number, playlist = PLAYLIST) => segmentAt(playlist, 'http://host/api/master.m3u8?token=t', place)

test('the first segment is the one that holds the place', () => {
  expect(at(0)).toBe('http://host/hls/x/segment000.ts?md5=a')
  expect(at(4)).toBe('http://host/hls/x/segment001.ts?md5=b')
  expect(at(99)).toBe('http://host/hls/x/segment001.ts?md5=b')
})

test('of several sizes none is chosen for the player', () => {
  expect(at(0, '#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n720p/playlist.m3u8\n')).toBeNull()
})
