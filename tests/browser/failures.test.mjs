// What goes wrong while one watches: refused files, a server in trouble, a clip that is published anew.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, signIn, until } from './harness.mjs'
import { makeClip } from './media.mjs'
import { currentTime, playing } from './player.mjs'
import { startStack } from './stack.mjs'

let stack
let shortId
before(async () => {
  stack = await startStack({ HLS_URL_TTL_SECONDS: '8' })
  shortId = await stack.upload(await makeClip(join(stack.folder, 'a.mp4'), { seconds: 40 }), 'The lake')
  await until('the file', async () => 'stream_url' in (await stack.ready(shortId)))
})
after(() => stack?.stop())

const source = (page) => page.locator('video').evaluate((video) => video.src)

test('403 on every segment: one file plays instead', async () => {
  const browser = await openBrowser()
  const { page } = browser
  let refused = 0
  page.on('response', (response) => (refused += response.url().includes('/hls/') && response.status() === 403))
  // A signature that is none, so that the edge itself refuses.
  await page.route(
    (url) => url.pathname.startsWith('/hls/'),
    (route) => route.continue({ url: route.request().url().replace(/md5=[^&]+/, 'md5=AAAAAAAAAAAAAAAAAAAAAA') }),
  )
  await signIn(page, stack, { path: `/v/${shortId}` })
  await until('the other way', async () => (await source(page).catch(() => '')).includes('/stream?'))
  await playing(page)
  assert.ok(refused >= 1 && refused <= 6, `${refused} requests were refused`)
  await browser.close()
})

test('where hls.js cannot run the browser plays HLS by itself, and goes on when its signatures have run out', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await page.addInitScript(() => delete globalThis.MediaSource)
  const [playlists, gone] = [[], []]
  page.on('response', (response) => {
    if (response.url().includes('/hls/master.m3u8')) playlists.push(response.status())
    else if (response.status() === 410) gone.push(response.url())
  })
  await signIn(page, stack, { path: `/v/${shortId}` })
  await until('its own HLS', async () => (await source(page).catch(() => '')).includes('/hls/master.m3u8'))
  await playing(page)
  await until('signatures that ran out', () => gone.length > 0, { seconds: 30 })
  const from = await currentTime(page)
  await until('new ones', () => playlists.length > 1, { seconds: 10 })
  await until('play', async () => (await currentTime(page)) > from + 3, { seconds: 10 })
  assert.ok((await currentTime(page)) < from + 5, 'it jumped')
  assert.ok((await source(page)).includes('/hls/master.m3u8'))
  await browser.close()
})

test('500 on everything: a sentence and a button, and after it the clip', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  const broken = (route) => route.fulfill({ status: 500, contentType: 'text/plain', body: 'out of order' })

  await page.route(/\/api\//, broken)
  await page.goto(`${stack.url}/v/${shortId}`)
  await page.getByRole('heading', { name: 'Clipset does not answer' }).waitFor()
  await inspect(page, 'failure-start')
  await page.unroute(/\/api\//)

  // The page is there, and then nothing of the clip is.
  await page.route(/\/api\/videos/, broken)
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.getByRole('heading', { name: 'The clip could not be loaded' }).waitFor()
  await inspect(page, 'failure-clip')
  await page.unroute(/\/api\/videos/)

  const media = (url) => /\/hls\/|\/stream$|\/progressive\//.test(url.pathname)
  await page.route(media, broken)
  await page.getByRole('button', { name: 'Try again' }).click()
  const alert = page.locator('.failure')
  await alert.getByText('The server has trouble at the moment').waitFor({ timeout: 90_000 })
  await inspect(page, 'failure-media')
  await page.unroute(media)
  await alert.getByRole('button', { name: 'Try again' }).click()
  await playing(page)
  assert.equal(await alert.count(), 0)
  await browser.close()
})

test('a clip that is published anew while it plays goes on where it was', async () => {
  await stack.api('/api/config', { method: 'PATCH', body: { renditions: 'ladder', cpu_preset: 'ultrafast' } })
  // Copied and published in moments; its smaller sizes are encoded meanwhile, under another uuid.
  const file = await makeClip(join(stack.folder, 'long.mp4'), { seconds: 90, size: '854x480', hue: 180 })
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  const id = await stack.upload(file, 'The hill')
  await page.goto(`${stack.url}/v/${id}`)
  await page.locator('video').waitFor()
  const uuids = []
  page.on('request', (request) => {
    const uuid = /\/hls\/([0-9a-f-]{36})\//.exec(request.url())?.[1]
    if (uuid && uuids.at(-1) !== uuid) uuids.push(uuid)
  })
  await playing(page)
  // The only jump that is allowed: none. Looked at often, for a new start would be seen for a moment only.
  await page.locator('video').evaluate((video) => {
    globalThis.jumps = []
    let [last, before] = [video.currentTime, performance.now()]
    setInterval(() => {
      // Before there is a picture nobody sees where it is.
      if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return
      const [time, now] = [video.currentTime, performance.now()]
      if (time < last - 0.5 || time > last + (now - before) / 1000 + 1) globalThis.jumps.push([last, time])
      ;[last, before] = [time, now]
    }, 50)
  })
  await until('the other files', () => uuids.length === 2, { seconds: 85 })
  const from = await currentTime(page)
  await until('play', async () => (await currentTime(page)) > from + 2, { seconds: 20 })
  assert.deepEqual(await page.evaluate(() => globalThis.jumps), [])
  // And now there is something to choose from.
  const sizes = () => page.locator('video').evaluate((video) => [...video.videoRenditions].map(({ height }) => height))
  assert.deepEqual((await sizes()).sort((a, b) => b - a), [480, 360])

  const menu = page.getByRole('button', { name: /quality/i })
  await menu.click()
  await inspect(page, 'watch-quality')
  await menu.click()
  for (const height of [480, 360]) {
    // Exactly so: the automatic choice has the size that it has chosen in its name.
    const choice = page.getByRole('menuitemradio', { name: `${height}p`, exact: true })
    await choice.waitFor({ state: 'hidden' })
    await menu.click()
    await choice.click()
    await until(`${height} lines`, () => page.locator('video').evaluate((video, height) => video.videoHeight === height, height), {
      seconds: 30,
    })
  }
  await browser.close()
})
