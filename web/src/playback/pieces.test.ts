import { expect, test } from 'vitest'
import { inPieces } from './pieces.ts'

const STORED = `#EXTM3U
#EXT-X-TARGETDURATION:4
#EXT-X-CLIPSET-PIECES:2.000000/1880,2.000000/940
#EXTINF:4.000000,
/hls/x/segment000.ts?md5=a&expires=1
#EXT-X-CLIPSET-PIECES:1.500000/1880,2.500000/3760
#EXTINF:4.000000,
/hls/x/segment001.ts?md5=b&expires=1
#EXTINF:2.000000,
/hls/x/segment002.ts?md5=c&expires=1
#EXT-X-ENDLIST
`

test('a segment that names its pieces is written out as them, but for the one that play begins in', () => {
  expect(inPieces(STORED, 3.9)).toBe(`#EXTM3U
#EXT-X-TARGETDURATION:4
#EXTINF:4.000000,
/hls/x/segment000.ts?md5=a&expires=1
#EXTINF:1.500000,
#EXT-X-BYTERANGE:1880@0
/hls/x/segment001.ts?md5=b&expires=1
#EXTINF:2.500000,
#EXT-X-BYTERANGE:3760@1880
/hls/x/segment001.ts?md5=b&expires=1
#EXTINF:2.000000,
/hls/x/segment002.ts?md5=c&expires=1
#EXT-X-ENDLIST
`)
})

test('pieces that make no sense leave their segment whole', () => {
  expect(inPieces(STORED.replace('1.500000/1880', '1.5/x'), 0)).not.toContain('BYTERANGE')
})
