import { expect, test } from 'vitest'
import { kindOf, refusalOf } from './kinds.ts'

const bytes = (...parts: (string | number[])[]) =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...part].map((letter) => letter.charCodeAt(0)) : part)))

test('what is nothing to watch is known by its head', () => {
  expect(kindOf(bytes('%PDF-1.7'))).toBe('a PDF document')
  expect(kindOf(bytes([0x50, 0x4b, 3, 4], 'holiday'))).toBe('an archive')
  expect(kindOf(bytes([0xff, 0xd8, 0xff, 0xe1]))).toBe('a picture')
  expect(kindOf(bytes('RIFF', [1, 2, 3, 4], 'WEBPVP8 '))).toBe('a picture')
  expect(kindOf(bytes([0, 0, 0, 24], 'ftypheic'))).toBe('a picture')
  expect(kindOf(new TextEncoder().encode('This is no video, though it says so: è€\n'.repeat(40)).slice(0, 1024))).toBe('a text')
  expect(kindOf(bytes('#EXTM3U\nhttp://elsewhere.example/a.ts'))).toBe('a text')
})

test('nothing that may be watched or heard is refused', () => {
  for (const head of [
    bytes([0, 0, 0, 32], 'ftypisom', [0, 0, 2, 0]),
    bytes([0, 0, 0, 20], 'ftypqt  '),
    bytes([0, 0, 0, 8], 'wide', [0, 1, 2, 3], 'mdat'),
    bytes([0x1a, 0x45, 0xdf, 0xa3]),
    bytes([0x47, 0x40, 0, 0x10]),
    bytes('RIFF', [1, 2, 3, 4], 'AVI LIST'),
    bytes('RIFF', [1, 2, 3, 4], 'WAVEfmt '),
    bytes('GIF89a', [1, 0, 1, 0]),
    bytes('ID3', [4, 0, 0]),
    bytes('fLaC', [0, 0, 0, 34]),
    bytes('OggS', [0, 2]),
    bytes('FLV', [1, 5]),
    bytes('#!AMR\n', [0x3c, 0x91]),
    bytes([0xff, 0xf1, 0x50, 0x80]),
    bytes([0, 0, 1, 0xba]),
    bytes('caff', [0, 1, 0, 0]),
    bytes('FORM', [0, 0, 1, 0], 'AIFF'),
    bytes('DKIF', [0, 0, 32, 0]),
  ])
    expect(kindOf(head), String.fromCharCode(...head)).toBeNull()
})

test('what is empty or cannot be read is told so', async () => {
  expect(await refusalOf(new Blob([]))).toBe('This file is empty.')
  const folder = { size: 4096, slice: () => ({ arrayBuffer: () => Promise.reject(new Error('NotFoundError')) }) }
  expect(await refusalOf(folder as unknown as Blob)).toContain('folder')
})
