// Seeking: our watch page beside the same clip's MP4 in a bare page, at places that are not buffered, in pairs whose order
// alternates; and where the pointer rested on the place for a second before.
//
//   cargo build --locked --workspace --bins && npm --prefix web run build && npm --prefix tests/browser run seek
//
// All rows, or those that hold every word given: `run seek -- chromium loopback`. PAIRS is 15 where nothing else is said.
import { join } from 'node:path'
import { bare, pagesWithBare } from './bare.mjs'
import { openBrowser, openFirefox, until } from './harness.mjs'
import { startLine } from './line.mjs'
import { makeSteadyClip } from './media.mjs'
import { compare, RATE, SECONDS } from './seeking.mjs'
import { startStack } from './stack.mjs'

const PAIRS = Number(process.env.PAIRS ?? 15)
const LINES = {
  loopback: null,
  '20 Mbit/s, 40 ms': { bits: 20e6, roundTrip: 40 },
  '3 Mbit/s, 100 ms': { bits: 3e6, roundTrip: 100 },
}
const BROWSERS = { chromium: openBrowser, firefox: openFirefox }

const words = process.argv.slice(2)
const pages = pagesWithBare()
const stack = await startStack({}, pages.folder)
const lines = []
try {
  await stack.api('/api/config', { method: 'PATCH', body: { renditions: 'single' } })
  const shortId = await stack.upload(await makeSteadyClip(join(stack.folder, 'a.mp4'), { seconds: SECONDS, rate: RATE }), 'Seek')
  const info = await until('the MP4', async () => {
    const now = await stack.ready(shortId)
    return now.stream_url && now
  })
  for (const [browser, open] of Object.entries(BROWSERS)) {
    for (const [line, shape] of Object.entries(LINES)) {
      const name = `${browser}, ${line}`
      if (!words.every((word) => name.includes(word))) continue
      const through = shape ? await startLine(new URL(stack.url).port, shape) : { url: stack.url, stop: () => undefined }
      lines.push(through)
      const addresses = {
        watch: `${through.url}/v/${shortId}`,
        mp4: bare(through.url, 'mp4', `${info.stream_url}?token=${info.playback_token}`),
      }
      const told = await compare({ open, stack: { ...stack, url: through.url }, addresses }, PAIRS)
      process.stdout.write(`${name}: ${told}\n`)
    }
  }
} finally {
  for (const line of lines) line.stop()
  await stack.stop()
  pages.remove()
}
