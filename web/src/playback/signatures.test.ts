// @vitest-environment jsdom
import { afterEach, expect, test, vi } from 'vitest'
import { Signatures } from './signatures.ts'

const DATE = new Date(1_800_000_000_000)
const served = { date: DATE.toUTCString(), cacheControl: 'private, max-age=2' }
const playlist = (uuid: string, sign: string, expires: number) =>
  `#EXTM3U\n#EXTINF:4,\n/hls/${uuid}/segment000.ts?md5=${sign}&expires=${expires}\n`
const SECONDS = DATE.getTime() / 1000

function begun(renewed: () => string) {
  vi.useFakeTimers({ now: DATE })
  const answer = vi.fn(async () =>
    new Response(renewed(), { headers: { Date: new Date(Date.now()).toUTCString(), 'Cache-Control': 'private, max-age=2' } }),
  )
  vi.stubGlobal('fetch', answer)
  const signatures = new Signatures(async () => '/api/videos/x/hls/master.m3u8?token=new')
  signatures.learn('/api/videos/x/hls/master.m3u8?token=old', playlist('a', 'one', SECONDS + 8), served, true)
  return { signatures, answer }
}
const ask = (signatures: Signatures) => signatures.newest('/hls/a/segment000.ts?md5=one&expires=1')

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a signature is used while it is good, and renewed ahead of its end past the cache', async () => {
  const { signatures, answer } = begun(() => playlist('a', 'two', SECONDS + 16))
  expect(await ask(signatures)).toContain('md5=one')
  expect(answer).not.toHaveBeenCalled()
  vi.setSystemTime(DATE.getTime() + 6500)
  expect(await ask(signatures)).toContain('md5=two')
  expect(answer).toHaveBeenCalledWith(expect.anything(), expect.objectContaining({ cache: 'reload' }))
})

test('a renewal that hangs ends by itself, and the old address is used', async () => {
  const { signatures } = begun(() => '')
  vi.stubGlobal('fetch', (_url: string, { signal }: RequestInit) =>
    new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(new Error('aborted')))),
  )
  vi.setSystemTime(DATE.getTime() + 6500)
  const asked = ask(signatures)
  await vi.advanceTimersByTimeAsync(5000)
  expect(await asked).toContain('md5=one')
})

test('what is in no playlist any more was published anew', async () => {
  const { signatures } = begun(() => playlist('b', 'two', SECONDS + 16))
  const told = vi.fn()
  signatures.onrepublished = told
  await ask(signatures)
  expect(told).not.toHaveBeenCalled()
  vi.setSystemTime(DATE.getTime() + 6500)
  await ask(signatures)
  expect(told).toHaveBeenCalledOnce()
})

test('refusals are bounded: once for each file, three in a row in all', () => {
  const { signatures } = begun(() => '')
  expect(signatures.refuse('/hls/a/0.ts')).toBe(true)
  expect(signatures.refuse('/hls/a/0.ts')).toBe(false)
  expect(signatures.refuse('/hls/a/1.ts')).toBe(false)
  expect(signatures.exhausted).toBe(true)
  signatures.accept('/hls/a/0.ts')
  expect(signatures.exhausted).toBe(false)
  expect(signatures.refuse('/hls/a/0.ts')).toBe(true)
})
