// @vitest-environment jsdom
import type { FragmentLoaderContext, LoaderCallbacks, LoaderConfiguration } from 'hls.js'
import { afterEach, expect, test, vi } from 'vitest'
import { segmentLoader } from './loader.ts'
import { Segments } from './segments.ts'

const SEGMENT = Uint8Array.from({ length: 200_000 }, (_, n) => n % 251)
const URL = '/hls/x/segment000.ts?md5=a'

/** A server that sends what it is told to; `asked` has the ranges. */
function serving({ status = 0 } = {}) {
  const asked: string[] = []
  let send: (to: number) => void = () => undefined
  vi.stubGlobal('fetch', (_url: string, init: RequestInit) => {
    const range = (init.headers as Record<string, string> | undefined)?.['Range'] ?? 'bytes=0-'
    asked.push(range)
    let at = Number(/\d+/.exec(range)?.[0])
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        send = (to) => {
          controller.enqueue(SEGMENT.slice(at, to))
          at = to
          if (to === SEGMENT.length) controller.close()
        }
      },
    })
    return Promise.resolve(new Response(body, { status: status || (at > 0 ? 206 : 200) }))
  })
  return { asked, send: (to: number) => (send(to), vi.waitFor(() => undefined)) }
}

/** Loads `from` up to `to`; `parts` are the sizes that hls.js is handed. */
function load(segments: Segments, { from, to, urgent }: { from: number; to: number; urgent: boolean }) {
  const seen = { parts: [] as number[], bytes: [] as number[], done: false, failed: 0 }
  const Loader = segmentLoader(segments, () => urgent)
  const callbacks = {
    onProgress: (_stats: unknown, _context: unknown, data: ArrayBuffer) => {
      seen.parts.push(data.byteLength)
      seen.bytes.push(...new Uint8Array(data))
    },
    onSuccess: () => (seen.done = true),
    onError: ({ code }: { code: number }) => (seen.failed = code),
    onTimeout: () => undefined,
  } as unknown as LoaderCallbacks<FragmentLoaderContext>
  const context = { url: URL, rangeStart: from, rangeEnd: to } as FragmentLoaderContext
  const loadPolicy = { maxTimeToFirstByteMs: 9000, maxLoadTimeMs: 9000, timeoutRetry: null, errorRetry: null }
  new Loader({} as never).load(context, { loadPolicy } as unknown as LoaderConfiguration, callbacks)
  return seen
}

const fresh = () => new Segments((url) => Promise.resolve(url))

afterEach(() => vi.unstubAllGlobals())

test('the pieces of a segment come by one request, from the one that was asked for first', async () => {
  const { asked, send } = serving()
  const segments = fresh()
  const second = load(segments, { from: 50_000, to: 120_000, urgent: true })
  await vi.waitFor(() => expect(asked).toEqual(['bytes=50000-']))
  await send(200_000)
  await vi.waitFor(() => expect(second.done).toBe(true))
  const third = load(segments, { from: 120_000, to: 200_000, urgent: true })
  await vi.waitFor(() => expect(third.done).toBe(true))
  expect(asked).toHaveLength(1)
  expect([...second.bytes, ...third.bytes]).toEqual([...SEGMENT.slice(50_000)])
})

test('who waits is handed what came, and who does not the whole', async () => {
  for (const [urgent, parts] of [
    [true, [40_000, 60_000]],
    [false, [100_000]],
  ] as const) {
    const { asked, send } = serving()
    const seen = load(fresh(), { from: 0, to: 100_000, urgent })
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    await send(40_000)
    if (urgent) await vi.waitFor(() => expect(seen.parts).toEqual([40_000]))
    await send(100_000)
    await vi.waitFor(() => expect(seen.done).toBe(true))
    expect(seen.parts).toEqual(parts)
  }
})

test('a refusal is told with its status', async () => {
  serving({ status: 410 })
  const seen = load(fresh(), { from: 0, to: 100_000, urgent: true })
  await vi.waitFor(() => expect(seen.failed).toBe(410))
})

test('what was fetched ahead is not asked for again, and makes room for the next', async () => {
  const { asked, send } = serving()
  const segments = fresh()
  segments.fetchAhead({ url: URL, from: 50_000 })
  await vi.waitFor(() => expect(asked).toHaveLength(1))
  await send(200_000)
  const seen = load(segments, { from: 50_000, to: 120_000, urgent: true })
  await vi.waitFor(() => expect(seen.done).toBe(true))
  expect(asked).toHaveLength(1)
  segments.fetchAhead({ url: '/hls/x/segment001.ts?md5=b', from: 0 })
  await vi.waitFor(() => expect(asked).toEqual(['bytes=50000-', 'bytes=0-']))
})
