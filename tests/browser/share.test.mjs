// Shares: a stranger watches that clip and no other, for as long as the share lasts; chats and other sites show it.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, screenshot, until } from './harness.mjs'
import { makeClip } from './media.mjs'
import { currentTime, playing } from './player.mjs'
import { startStack } from './stack.mjs'

/** Seconds that signatures live. */
const LIFE = 8
/** The shortest share, seconds. */
const SHORTEST = 60

let stack
let shortId
let other
before(async () => {
  stack = await startStack({ HLS_URL_TTL_SECONDS: String(LIFE) })
  shortId = await stack.upload(await makeClip(join(stack.folder, 'a.mp4'), { seconds: 100, size: '320x180' }), 'The lake & the hill')
  other = await stack.upload(await makeClip(join(stack.folder, 'b.mp4'), { hue: 90 }), 'Nobody sees this')
  await Promise.all([stack.ready(shortId), stack.ready(other)])
})
after(() => stack?.stop())

const share = (wanted = {}) => stack.api(`/api/videos/${shortId}/shares`, { method: 'POST', body: wanted })

test('a share asks its password, plays, and ends when it is revoked', async () => {
  const { url, share_id } = await share({ password: 'open sesame' })
  const browser = await openBrowser()
  const { page } = browser
  await page.goto(url)
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
  await stack.api(`/api/videos/${shortId}/shares/${share_id}`, { method: 'DELETE' })
  // Nothing that it gave is good for longer than a signature: the far end of the clip does not come any more.
  await new Promise((resolve) => setTimeout(resolve, (LIFE + 1) * 1000))
  await page.locator('video').evaluate((video) => (video.currentTime = 90))
  await page.getByRole('alert').getByText('not here any more').waitFor({ timeout: 60_000 })
  await page.goto(url)
  await page.getByRole('heading', { name: 'This link has ended' }).waitFor()
  await page.getByText('ask for a new link').waitFor()
  await inspect(page, 'share-ended')
  await browser.close()
})

test('a share with a password plays on for many lives of its token, and asks for it once', async () => {
  const { url, share_id } = await share({ password: 'open sesame' })
  const browser = await openBrowser()
  const { page } = browser
  const [sent, tokens] = [[], new Set()]
  page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url())
    if (pathname === `/api/shares/${share_id}/open`) sent.push(request.postData())
    if (pathname.endsWith('/stream-info')) tokens.add(searchParams.get('token'))
  })
  await page.goto(url)
  await page.getByLabel('Password').fill('open sesame')
  await page.getByRole('button', { name: 'Watch' }).click()
  await page.locator('video').waitFor()
  await playing(page)
  await until('five lives', async () => (await currentTime(page)) > 5 * LIFE, { seconds: 8 * LIFE })
  assert.ok(tokens.size >= 4, `${tokens.size} tokens`)
  assert.equal(sent.filter((body) => body.includes('open sesame')).length, 1, 'it was sent once')
  // The session is the browser's, and no script sees it.
  assert.equal(await page.evaluate(() => document.cookie), '')
  const kept = (await browser.context.cookies(`${stack.url}/api/shares/${share_id}/open`)).find(({ name }) => name.startsWith('clipset_share_'))
  assert.deepEqual([kept.httpOnly, kept.path], [true, `/api/shares/${share_id}`])
  await page.reload()
  await page.locator('video').waitFor()
  await playing(page)
  // Another browser is asked.
  const other = await openBrowser()
  await other.page.goto(url)
  await other.page.getByLabel('Password').waitFor()
  await other.close()
  // With the share the session ends.
  await stack.api(`/api/videos/${shortId}/shares/${share_id}`, { method: 'DELETE' })
  await page.reload()
  await page.getByRole('heading', { name: 'This link has ended' }).waitFor()
  await browser.close()
})

test('a share stops by itself at its end, also where it is being watched', async () => {
  const { url, expires_at } = await share({ expires_in: SHORTEST })
  const browser = await openBrowser()
  const { page } = browser
  await page.goto(url)
  await page.locator('video').waitFor()
  await playing(page)
  await page.getByRole('alert').getByText('not here any more').waitFor({ timeout: (SHORTEST + 60) * 1000 })
  // What was loaded played on, and no more than that: 30 s ahead at most.
  assert.ok(Date.now() >= Date.parse(expires_at) - 1000, 'it stopped before its end')
  assert.ok((await currentTime(page)) < 98, 'it played to the end of the clip')
  await page.goto(url)
  await page.getByRole('heading', { name: 'This link has ended' }).waitFor()
  await browser.close()
})

test('a share opens no other clip', async () => {
  const { share_id } = await share()
  const opened = await fetch(`${stack.url}/api/shares/${share_id}/open`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  })
  const { token } = await opened.json()
  const status = async (path, init) => (await fetch(`${stack.url}${path}?token=${token}`, init)).status
  assert.equal(await status(`/api/videos/${shortId}/stream-info`), 200)
  for (const path of ['stream-info', 'hls/master.m3u8', 'poster', 'storyboard.vtt', 'stream', 'original', 'shares', '']) {
    const answered = await status(`/api/videos/${other}/${path}`.replace(/\/$/, ''))
    assert.ok([401, 403, 404].includes(answered), `${path} of another clip: ${answered}`)
  }
  assert.equal((await fetch(`${stack.url}/api/videos`, { headers: { Authorization: `Bearer ${token}` } })).status, 401)
  const browser = await openBrowser()
  await browser.page.goto(`${stack.url}/s/${share_id}`)
  await browser.page.locator('video').waitFor()
  await browser.page.goto(`${stack.url}/v/${other}`)
  await browser.page.getByRole('heading', { name: 'Sign in' }).waitFor()
  assert.ok(!(await browser.page.content()).includes('Nobody sees this'))
  await browser.close()
})

test('a link in a chat shows title and poster, for longer than a signature lives', async () => {
  const { url } = await share()
  const html = await (await fetch(url)).text()
  const browser = await openBrowser()
  const meta = await browser.page.evaluate((text) => {
    const page = new DOMParser().parseFromString(text, 'text/html')
    return Object.fromEntries([...page.querySelectorAll('meta')].map((tag) => [tag.getAttribute('property') ?? tag.name, tag.content]))
  }, html)
  await browser.close()
  assert.equal(meta['og:title'], 'The lake & the hill')
  assert.equal(meta['twitter:title'], 'The lake & the hill')
  assert.equal(meta['twitter:card'], 'summary_large_image')
  assert.equal(meta['og:url'], url)
  assert.ok(!/md5=|token=/.test(html), 'a signature or a token stands in the page')
  for (const wait of [0, LIFE + 2]) {
    await new Promise((resolve) => setTimeout(resolve, wait * 1000))
    const poster = await fetch(meta['og:image'])
    assert.deepEqual([poster.status, poster.headers.get('Content-Type')], [200, 'image/jpeg'])
  }
})

test('another site embeds a share with a password, and it plays on there without a cookie', async () => {
  const { url } = await share({ password: 'open sesame' })
  const { html } = await (await fetch(`${stack.url}/api/oembed?url=${encodeURIComponent(url)}`)).json()
  const site = createServer((_request, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end(`<!doctype html><title>Elsewhere</title>${html}`))
  await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve))
  const browser = await openBrowser()
  const { page } = browser
  // Another name of this machine: for the browser, another site.
  await page.goto(`http://localhost:${site.address().port}/`)
  const frame = page.frameLocator('iframe')
  await frame.getByLabel('Password').fill('open sesame')
  await frame.getByRole('button', { name: 'Watch' }).click()
  await frame.locator('video').waitFor()
  await playing(page.frames()[1])
  // Without TLS a browser keeps none for the frame: the page knows the password for as long as it stands there.
  assert.deepEqual((await browser.context.cookies()).map(({ name }) => name), [])
  // Nothing is cut off, however small the frame is, and every button that is left stands in it.
  for (const width of [200, 320, 639]) {
    await page.evaluate((to) => Object.assign(document.querySelector('iframe'), { width: to, height: Math.round((to * 9) / 16) }), width)
    const cut = await page.frames()[1].evaluate(() =>
      [...document.querySelectorAll('media-controller, video, .buttons > *, .big')]
        .filter((element) => element.checkVisibility() && element.getClientRects().length > 0)
        .map((element) => ({ name: element.localName, ...element.getBoundingClientRect().toJSON() }))
        .filter(({ left, right }) => left < -0.5 || right > innerWidth + 0.5),
    )
    assert.deepEqual(cut, [], `cut off at ${width} px`)
    assert.equal(await page.frames()[1].evaluate(() => document.querySelector('media-controller').clientWidth), width)
    await screenshot(page, `embed-${width}`)
  }
  await until('three lives', async () => (await currentTime(page.frames()[1])) > 3 * LIFE, { seconds: 6 * LIFE })
  // The page with the frame around it is not for frames.
  await page.evaluate((address) => (document.querySelector('iframe').src = address), url)
  await until('the refusal', () => page.frames()[1]?.url().startsWith('chrome-error:'))
  // That refusal is the policy's doing, and wanted.
  browser.violations.length = 0
  await browser.close()
  await new Promise((resolve) => site.close(resolve))
})
