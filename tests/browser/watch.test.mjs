// Watching: the picture shown is the right one, a share opens for a stranger, and failures end in words.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { inspect, openBrowser, signIn, until } from './harness.mjs'
import { startStack } from './stack.mjs'

const SECONDS = 24
const RATE = 25

let stack
let shortId
before(async () => {
  stack = await startStack({ HLS_URL_TTL_SECONDS: '8' })
  // The picture's brightness, in eight columns, is its number in binary.
  const file = join(stack.folder, 'numbered.mp4')
  const bits = 'lum=if(mod(floor(N/pow(2\\,floor(X/40)))\\,2)\\,235\\,16):cb=128:cr=128'
  await promisify(execFile)('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `nullsrc=size=400x240:rate=${RATE}:duration=${SECONDS},format=yuv420p,geq=${bits}`],
    ...['-f', 'lavfi', '-i', `sine=duration=${SECONDS}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:a', 'aac', file],
  ])
  shortId = await stack.upload(file, 'Numbered')
  await stack.ready(shortId)
})
after(() => stack?.stop())

const currentTime = (page) => page.locator('video').evaluate((video) => video.currentTime)

async function playing(page) {
  await page.locator('video').evaluate((video) => video.play())
  const from = await currentTime(page)
  await until('play', async () => (await currentTime(page)) > from + 0.5, { seconds: 30 })
}

/** The number that the picture shows. */
const numberShown = (page) =>
  page.locator('video').evaluate((video) => {
    const canvas = new OffscreenCanvas(400, 240)
    const context = canvas.getContext('2d')
    context.drawImage(video, 0, 0, 400, 240)
    let number = 0
    for (let bit = 0; bit < 10; bit++) if (context.getImageData(bit * 40 + 20, 120, 1, 1).data[0] > 128) number += 2 ** bit
    return number
  })

test('plays, and shows the right picture after each of five seeks', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: `/v/${shortId}` })
  await page.getByRole('heading', { name: 'Numbered' }).waitFor()
  await playing(page)
  await page.locator('video').evaluate((video) => video.pause())
  for (const seconds of [17.3, 2.1, 21.9, 9.5, 0.7]) {
    await page.locator('video').evaluate(
      (video, to) => new Promise((resolve) => ((video.onseeked = resolve), (video.currentTime = to))),
      seconds,
    )
    const wanted = Math.floor(seconds * RATE)
    await until(`picture ${wanted}`, async () => Math.abs((await numberShown(page)) - wanted) <= 1, { seconds: 10 })
  }
  await inspect(page, 'watch')
  await browser.close()
})

test('403 on every segment: one file plays instead', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await page.route('**/hls/*/**/*.ts?*', (route) => route.fulfill({ status: 403 }))
  await until('the file', async () => 'stream_url' in (await stack.api(`/api/videos/${shortId}/stream-info`)))
  await signIn(page, stack, { path: `/v/${shortId}` })
  await until('the other way', () => page.locator('video').evaluate((video) => video.src.includes('/stream?')).catch(() => false))
  await playing(page)
  await browser.close()
})

test('a share asks its password, plays, and ends when it is revoked', async () => {
  const share = await stack.api(`/api/videos/${shortId}/shares`, { method: 'POST', body: { password: 'open sesame' } })
  const browser = await openBrowser()
  const { page } = browser
  await page.goto(share.url)
  await page.getByLabel('Password').fill('wrong')
  await page.getByRole('button', { name: 'Watch' }).click()
  await page.getByText('The password is wrong.').first().waitFor()
  await inspect(page, 'share-password')
  await page.getByLabel('Password').fill('open sesame')
  await until('the share', async () => {
    if (await page.locator('video').count()) return true
    await page.getByRole('button', { name: 'Watch' }).click({ timeout: 1000 }).catch(() => undefined)
    return false
  })
  await playing(page)
  await inspect(page, 'share')
  await stack.api(`/api/videos/${shortId}/shares/${share.share_id}`, { method: 'DELETE' })
  await page.goto(share.url)
  await page.getByText('This share has ended').waitFor()
  await browser.close()
})
