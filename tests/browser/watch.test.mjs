// The watch page: the right picture, every control, keys alone, and what stands there before a clip plays.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, screenshot, signIn, until } from './harness.mjs'
import { makeClip } from './media.mjs'
import { currentTime, makeNumberedClip, numberShown, pause, playing, RATE, seek } from './player.mjs'
import { startStack } from './stack.mjs'

let stack
let file
let shortId
before(async () => {
  stack = await startStack({ HLS_URL_TTL_SECONDS: '8' })
  file = await makeNumberedClip(join(stack.folder, 'numbered.mp4'), 24)
  shortId = await stack.upload(file, 'Numbered')
  await stack.ready(shortId)
})
after(() => stack?.stop())

/** Opens the watch page of the numbered clip. */
async function watch(path = `/v/${shortId}`, options = {}) {
  const browser = await openBrowser(options)
  await signIn(browser.page, stack, { path })
  await browser.page.getByRole('heading', { name: 'Numbered' }).waitFor()
  return browser
}

test('plays, and shows the right picture after each of five seeks', async () => {
  const browser = await watch()
  const { page } = browser
  await playing(page)
  await pause(page)
  for (const seconds of [17.3, 2.1, 21.9, 9.5, 0.7]) {
    await seek(page, seconds)
    const wanted = Math.floor(seconds * RATE)
    await until(`picture ${wanted}`, async () => Math.abs((await numberShown(page)) - wanted) <= 1, { seconds: 10 })
  }
  await inspect(page, 'watch')
  await browser.close()
})

test('begins where the address says, and else where one left', async () => {
  const browser = await watch(`/v/${shortId}?t=12`)
  const { page } = browser
  await until('second 12', async () => (await currentTime(page)) >= 12)
  await page.locator('video').evaluate((video) => video.pause())
  await seek(page, 8.5)
  await page.goto(`${stack.url}/v/${shortId}`)
  await until('second 8', async () => Math.abs((await currentTime(page).catch(() => 0)) - 8.5) < 2)
  await browser.close()
})

test('the player is used by keyboard alone', async () => {
  const browser = await watch()
  const { page } = browser
  await playing(page)
  const video = page.locator('video')
  const press = async (key, what, wanted, of = video) => {
    await page.keyboard.press(key)
    await until(`${what} after ${key}`, async () => wanted(await of.evaluate((element, what) => element[what], what)), { seconds: 10 })
  }
  await page.evaluate(() => document.activeElement?.blur())
  await press('k', 'paused', (paused) => paused)
  await press('5', 'currentTime', (time) => Math.abs(time - 12) < 0.5)
  await press('ArrowRight', 'currentTime', (time) => time > 15)
  await press('ArrowLeft', 'currentTime', (time) => time < 15)
  await press('0', 'currentTime', (time) => time === 0)
  // Pressed faster than the video's events come, on the page and on one of the controls.
  for (const target of ['body', 'media-play-button']) {
    await page.locator(target).evaluate((element) => {
      for (const key of ['1', 'ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowLeft']) {
        for (const type of ['keydown', 'keyup']) element.dispatchEvent(new KeyboardEvent(type, { key, bubbles: true, composed: true }))
      }
    })
    assert.equal(Math.round(await currentTime(page)), 14, `keys on ${target}`)
  }
  await press('End', 'currentTime', (time) => Math.abs(time - 24) < 0.2)
  await press('Home', 'currentTime', (time) => time === 0)
  await press('5', 'currentTime', (time) => Math.abs(time - 12) < 0.5)
  const shown = await numberShown(page)
  for (const [key, from] of [['.', 0], ['.', 1], [',', 2]]) {
    await page.keyboard.press(key)
    await until(`one picture after ${key}`, async () => (await numberShown(page)) === shown + from + (key === '.' ? 1 : -1), { seconds: 10 })
  }
  await press('0', 'currentTime', (time) => time === 0)
  await press('m', 'muted', (muted) => muted)
  await press('>', 'playbackRate', (rate) => rate > 1)
  const picture = page.locator('.picture')
  await press('t', 'clientWidth', (width) => width > 1250, picture)
  await inspect(page, 'watch-theatre')
  await press('t', 'clientWidth', (width) => width < 1250, picture)
  await press(' ', 'paused', (paused) => !paused)
  await page.keyboard.press('?')
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).getByText('One picture back or on').waitFor()
  await inspect(page, 'shortcuts')
  await page.keyboard.press('Escape')

  // Every control is reached, in order, and says what it is.
  const names = []
  for (let presses = 0; presses < 40 && !names.includes('enter fullscreen mode'); presses++) {
    await page.keyboard.press('Tab')
    names.push(
      await page.evaluate(() => {
        const { activeElement } = document
        const within = activeElement.shadowRoot?.activeElement ?? activeElement
        return (within.ariaLabel ?? activeElement.ariaLabel ?? '').toLowerCase()
      }),
    )
  }
  for (const name of ['seek', 'pause', 'unmute', 'playback rate', 'theatre mode', 'enter fullscreen mode']) {
    assert.ok(names.some((found) => found.startsWith(name)), `${name} is not among ${names.join(', ')}`)
  }
  await page.keyboard.press('Enter')
  await until('the whole screen', () => page.evaluate(() => document.fullscreenElement?.localName === 'media-controller'))
  await page.keyboard.press('Escape')
  await page.evaluate(() => document.activeElement?.blur())
  await page.keyboard.press('/')
  await until('the search', () => page.evaluate(() => document.activeElement?.type === 'search'))
  await browser.close()
})

test('on a phone a tap shows and hides the controls, two leap, and what stands has a large button', async () => {
  const browser = await watch(undefined, { hasTouch: true, viewport: { width: 390, height: 740 } })
  const { page } = browser
  await playing(page)
  await pause(page)
  await seek(page, 4)
  const big = page.locator('.big')
  await big.waitFor()
  await inspect(page, 'watch-standing')
  await page.setViewportSize({ width: 390, height: 740 })
  await big.tap()
  await until('play', () => page.locator('video').evaluate((video) => !video.paused))
  await big.waitFor({ state: 'hidden' })
  const box = await page.locator('video').boundingBox()
  const tap = (part) => page.touchscreen.tap(box.x + box.width * part, box.y + box.height / 3)
  const shown = () => page.locator('media-controller').evaluate((controller) => !controller.hasAttribute('userinactive'))
  await until('no controls', async () => !(await shown()))
  await tap(0.5)
  await until('controls', shown)
  await tap(0.5)
  await until('no controls', async () => !(await shown()))
  await pause(page)
  for (const [side, seconds] of [[0.8, 14], [0.2, 4]]) {
    const there = (seconds) => Math.abs(document.querySelector('video').currentTime - seconds) < 0.1
    // A busy machine may need more than the 300 ms that two taps have.
    await until(`second ${seconds}`, async () => {
      await seek(page, side > 0.5 ? 4 : 14)
      await Promise.all([tap(side), tap(side)])
      return page.waitForFunction(there, seconds, { timeout: 2000 }).catch(() => null)
    })
  }
  await browser.close()
})

test('the picture leaves the page, and the theatre is a button too', async () => {
  const browser = await watch()
  const { page } = browser
  await playing(page)
  const inside = () => page.evaluate(() => document.pictureInPictureElement === document.querySelector('video'))
  await page.getByRole('button', { name: 'enter picture in picture mode' }).click()
  await until('picture in picture', inside)
  await page.getByRole('button', { name: 'exit picture in picture mode' }).click()
  await until('the picture back', async () => !(await inside()))
  const theatre = page.getByRole('button', { name: 'Theatre mode' })
  for (const pressed of ['true', 'false']) {
    await theatre.click()
    assert.equal(await theatre.getAttribute('aria-pressed'), pressed)
  }
  await browser.close()
})

test('the time line shows what is there', async () => {
  await until('the storyboard', async () => (await stack.api(`/api/videos/${shortId}`)).has_storyboard)
  // The media routes trust a clip's document for a second.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  const browser = await watch()
  const { page } = browser
  await playing(page)
  await pause(page)
  const line = await page.locator('media-time-range').boundingBox()
  const shown = page.locator('media-preview-thumbnail').first()
  const picture = () => shown.evaluate((element) => element.shadowRoot.querySelector('img')?.src ?? '')
  await until('a preview', async () => {
    await page.mouse.move(line.x + line.width * 0.3, line.y + line.height / 2)
    await page.mouse.move(line.x + line.width * 0.6, line.y + line.height / 2)
    return /\/images\/.*md5=/.test(await picture())
  })
  assert.ok(await shown.evaluate((element) => element.shadowRoot.querySelector('img').naturalWidth > 0))
  const box = () => shown.evaluate((element) => Number(getComputedStyle(element.assignedSlot).opacity))
  await until('the preview in full', async () => (await box()) === 1)
  await screenshot(page, 'watch-preview')
  await browser.close()
})

test('from a seek to its picture the storyboard stands there', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  let release
  const released = new Promise((resolve) => (release = resolve))
  await page.route(/segment00[1-9]\.ts/, async (route) => (await released, route.continue()))
  await page.goto(`${stack.url}/v/${shortId}`)
  const video = page.locator('video')
  await until('the first picture', () => video.evaluate((it) => it.readyState >= 2).catch(() => false))
  await video.evaluate((it) => it.pause())
  const line = await page.locator('media-time-range').boundingBox()
  const over = (part) => page.mouse.move(line.x + line.width * part, line.y + line.height / 2)
  const still = page.locator('media-controller canvas')
  await until('the sprite', async () => {
    await over(0.7)
    await over(0.75)
    return page.evaluate(() => performance.getEntriesByType('resource').some(({ name, responseEnd }) => /sprite0/.test(name) && responseEnd > 0))
  })
  assert.ok(await still.isHidden())
  await page.mouse.down()
  await page.mouse.up()
  await until('the picture in small', () => still.isVisible())
  release()
  await until('the real one', () => still.isHidden())
  assert.ok(await video.evaluate((it) => !it.seeking && it.readyState >= 2))
  await browser.close()
})

test('links are copied, and the owner gets the original back', async () => {
  const browser = await watch(undefined, { permissions: ['clipboard-read', 'clipboard-write'], acceptDownloads: true })
  const { page } = browser
  await playing(page)
  await pause(page)
  await seek(page, 7.5)
  const copied = () => page.evaluate(() => navigator.clipboard.readText())
  await page.getByRole('button', { name: 'Copy link', exact: true }).click()
  await until('the link', async () => (await copied()) === `${stack.url}/v/${shortId}`)
  const more = (name) => page.getByRole('button', { name: 'More actions' }).click().then(() => page.getByRole('menuitem', { name }).click())
  await page.getByRole('button', { name: 'More actions' }).click()
  await inspect(page, 'watch-menu')
  await page.keyboard.press('Escape')
  await more('Copy link at current time')
  await until('the link to the second', async () => (await copied()) === `${stack.url}/v/${shortId}?t=7`)
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    more('Download original'),
  ])
  assert.equal(download.suggestedFilename(), 'numbered.mp4')
  const hash = (path) => createHash('sha256').update(readFileSync(path)).digest('hex')
  assert.equal(hash(await download.path()), hash(file))

  // One press shares, and another gives the same link again.
  const share = page.getByRole('button', { name: 'Share', exact: true })
  await share.click()
  await page.getByText('The link is made and copied.').waitFor()
  const link = await copied()
  assert.match(link, /\/s\/[0-9A-Za-z]{32}$/)
  await inspect(page, 'watch-share')
  await page.keyboard.press('Escape')
  await page.evaluate(() => navigator.clipboard.writeText('something else'))
  await share.click()
  await page.getByText('just now is copied').waitFor()
  assert.equal(await copied(), link)
  const options = page.getByRole('dialog', { name: 'Share with anyone' })
  await options.getByLabel('Password (optional)').fill('open sesame')
  await options.getByRole('button', { name: 'Make and copy' }).click()
  await options.getByText('with a password').waitFor()
  const second = await copied()
  assert.notEqual(second, link)
  // Each of those that there are is copied by its own button.
  await options.getByRole('button', { name: 'Copy the link made' }).last().click()
  await until('the other of the two', async () => (await copied()) !== second)
  await browser.close()
})

test('the owner writes title and description where they stand, and says how long a clip stays', async () => {
  const browser = await watch()
  const { page } = browser
  await page.getByRole('button', { name: 'Edit the title' }).click()
  await page.getByRole('textbox', { name: 'The title' }).fill('Numbered anew')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Numbered anew' }).waitFor()
  await page.getByRole('button', { name: 'Add a description' }).click()
  await page.getByRole('textbox', { name: 'The description' }).fill('Every picture\nhas a number.')
  await inspect(page, 'watch-edit')
  await page.keyboard.press('Control+Enter')
  await page.getByText('has a number.').waitFor()
  await page.getByRole('button', { name: 'Edit the description' }).click()
  await page.getByRole('textbox', { name: 'The description' }).fill('given up')
  await page.keyboard.press('Escape')
  await page.getByText('has a number.').waitFor()
  assert.deepEqual(
    await stack.api(`/api/videos/${shortId}`).then(({ title, description }) => [title, description]),
    ['Numbered anew', 'Every picture\nhas a number.'],
  )
  await stack.api(`/api/videos/${shortId}`, { method: 'PATCH', body: { title: 'Numbered' } })

  const settings = async () => {
    await page.getByRole('button', { name: 'More actions' }).click()
    await page.getByRole('menuitem', { name: 'Visibility and expiry' }).click()
  }
  await settings()
  await page.getByLabel('Keep for').selectOption('Some days')
  await page.getByLabel('Days after upload').fill('30')
  await inspect(page, 'watch-settings')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Expires', { exact: true }).waitFor()
  const { created_at, expires_at } = await stack.api(`/api/videos/${shortId}`)
  assert.equal(Math.round((Date.parse(expires_at) - Date.parse(created_at)) / 86_400_000), 30)
  await settings()
  assert.equal(await page.getByLabel('Days after upload').inputValue(), '30')
  await page.getByLabel('Keep for').selectOption('For good')
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Expires', { exact: true }).waitFor({ state: 'detached' })
  await browser.close()
})

test('a clip that is being prepared shows how far it is, and turns into the player by itself', async () => {
  // No key frame to cut at: it is encoded.
  const slow = await makeClip(join(stack.folder, 'slow.mp4'), { seconds: 40, size: '960x540', keyframesEvery: 9999 })
  const id = await stack.upload(slow, 'Slow')
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: `/v/${id}` })
  const bar = page.getByRole('progressbar', { name: 'Prepared' })
  await bar.waitFor()
  await inspect(page, 'watch-preparing')
  const seen = new Set()
  await until('the player', async () => {
    const value = await bar.evaluate((element) => element.value, null, { timeout: 200 }).catch(() => null)
    if (value !== null) seen.add(value)
    return page.locator('video').isVisible()
  }, { seconds: 180 })
  assert.ok(seen.size >= 3, `the bar stood at ${[...seen]}`)
  await playing(page)
  await browser.close()
})

test('a clip that cannot be prepared says why, and its owner may try again', async () => {
  const broken = join(stack.folder, 'broken.mp4')
  writeFileSync(broken, 'This is no video. '.repeat(5000))
  const id = await stack.upload(broken, 'Broken')
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: `/v/${id}` })
  await page.getByText('This clip could not be prepared.').waitFor()
  await inspect(page, 'watch-failed')
  const { error } = await stack.api(`/api/videos/${id}`)
  assert.ok(error.length > 20)
  await page.getByText(error).waitFor()
  const [asked] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/retry')),
    page.getByRole('button', { name: 'Try again' }).click(),
  ])
  assert.equal(asked.status(), 202)
  await page.getByText('This clip could not be prepared.').waitFor()
  await browser.close()
})
