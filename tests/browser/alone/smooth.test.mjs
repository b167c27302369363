// Smoothness: 90 s under signatures that live 8 s, so that they are renewed about fifteen times.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBrowser, signIn, until } from '../harness.mjs'
import { makeClip } from '../media.mjs'
import { currentTime, playing } from '../player.mjs'
import { startStack } from '../stack.mjs'

const SECONDS = 90
/** Seconds of standing still that nobody notices: at a time, and in all. */
const FROZEN = 0.3

let stack
let single
let ladder
before(async () => {
  stack = await startStack({ HLS_URL_TTL_SECONDS: '8' })
  const clip = (hue) => makeClip(join(stack.folder, `${hue}.mp4`), { seconds: SECONDS, size: '854x480', hue })
  single = await stack.upload(await clip(0), 'One size')
  await stack.ready(single)
  await stack.api('/api/config', { method: 'PATCH', body: { renditions: 'ladder' } })
  ladder = await stack.upload(await clip(90), 'Two sizes')
  await until('both sizes', async () => (await sizes(ladder)) === 2, { seconds: 240 })
  // Its last checks take the processor that a browser draws with.
  await until('the end of its job', () => stack.log().includes(`ended job=${ladder}-ladder`), { seconds: 60 })
})
after(() => stack?.stop())

async function sizes(shortId) {
  const { manifest_url, playback_token } = await stack.ready(shortId)
  const playlist = await (await fetch(`${stack.url}${manifest_url}?token=${playback_token}`)).text()
  return playlist.match(/#EXT-X-STREAM-INF/g)?.length ?? 0
}

/**
 * Looks at the video every 50 ms until its end. Times in seconds. It `stood` where it went less than half as far as the
 * clock did, in all; a clock of sound that is a little slow, for want of a sound card, is no stop. It `slept` where the
 * timer came late as well: a player that blocks its page holds up the timer and not the video, one that lets the video
 * stand the video and not the timer, and a machine that does not run the browser both.
 */
function observe(page) {
  return page.locator('video').evaluate(
    (video) =>
      new Promise((resolve) => {
        const seen = { frozen: 0, stood: 0, slept: 0, slow: 0, back: 0, emptied: 0, dry: 0, ahead: 0 }
        const begun = performance.now()
        let [last, moved, looked, from] = [video.currentTime, begun, begun, video.currentTime]
        video.addEventListener('emptied', () => seen.emptied++)
        const timer = setInterval(() => {
          const now = performance.now()
          const at = video.currentTime
          const lasted = (now - looked) / 1000
          if (at - last < lasted / 2) seen[lasted > 0.2 ? 'slept' : 'stood'] += lasted - (at - last)
          looked = now
          if (video.ended) {
            clearInterval(timer)
            seen.slow = (now - begun) / 1000 - (at - from)
            return resolve(seen)
          }
          if (at !== last) moved = now
          seen.frozen = Math.max(seen.frozen, (now - moved) / 1000)
          seen.back = Math.max(seen.back, last - at)
          last = at
          const { buffered } = video
          const held = [...Array(buffered.length).keys()].find((n) => buffered.start(n) <= at + 0.1 && at < buffered.end(n))
          if (held === undefined && at < video.duration - 0.5) seen.dry++
          else if (held !== undefined) seen.ahead = Math.max(seen.ahead, buffered.end(held) - at)
        }, 50)
      }),
  )
}

async function plays(t, shortId, during = async () => undefined) {
  const browser = await openBrowser()
  const { page } = browser
  const ends = new Set()
  page.on('request', (request) => {
    const url = new URL(request.url())
    if (url.pathname.startsWith('/hls/')) ends.add(url.searchParams.get('expires'))
  })
  await signIn(page, stack, { path: `/v/${shortId}` })
  await page.locator('video').waitFor()
  await playing(page)
  const [seen] = await Promise.all([observe(page), during(browser)])
  const told = JSON.stringify({ ...seen, signatures: ends.size })
  t.diagnostic(told)
  assert.ok(seen.frozen <= FROZEN, `it stood still: ${told}`)
  assert.ok(seen.stood <= FROZEN, `it stood still in all: ${told}`)
  assert.deepEqual([seen.back, seen.emptied, seen.dry], [0, 0, 0], told)
  // Else it would show nothing: the clip was never whole in the buffer, and its signatures were renewed.
  assert.ok(seen.ahead < SECONDS / 2 && ends.size >= 6, told)
  await browser.close()
}

// One after the other: three browsers that draw with two processors stand still for each other.
test('90 s play without a stop', async (t) => {
  await t.test('of one size', (t) => plays(t, single))
  await t.test('of two sizes', (t) => plays(t, ladder))
  await t.test('with the network off for 5 s in the middle', (t) =>
    plays(t, ladder, async ({ page, context }) => {
      await until('the middle', async () => (await currentTime(page)) > SECONDS / 2 - 5, { seconds: SECONDS })
      await context.setOffline(true)
      await page.getByText('You are offline').waitFor()
      await new Promise((resolve) => setTimeout(resolve, 5000))
      await context.setOffline(false)
    }),
  )
})
