// The library: newest first, endless, searched, and what it says while it is empty.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, screenshot, signIn, until } from './harness.mjs'
import { makeClip } from './media.mjs'
import { startStack } from './stack.mjs'

/** More than one page of 24, most of them only begun: of several members, for each may have 20 open. */
const BEGUN = 30

let stack
let clip
before(async () => {
  stack = await startStack()
  clip = await makeClip(join(stack.folder, 'clip.mp4'), { seconds: 8 })
})
after(() => stack?.stop())

/** Another member, made once. */
let made
const member = () => (made ??= register('ada', 'a password of hers'))
async function register(username, password) {
  const { url } = await stack.api('/api/invitations', { method: 'POST', body: {} })
  const body = { invitation: new URL(url).hash.slice(1), username, password }
  const answer = await fetch(`${stack.url}/api/auth/register`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(answer.status, 201, await answer.text())
  return { username, password }
}

const titles = (page) => page.getByRole('list', { name: 'Clips' }).locator('h2').allTextContents()

test('an empty library tells how to begin', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  await page.getByRole('heading', { name: 'Nothing here yet' }).waitFor()
  await inspect(page, 'library-empty')
  await page.getByRole('link', { name: 'Upload a clip' }).click()
  await page.getByRole('heading', { name: 'Upload' }).waitFor()
  await browser.close()
})

test('a clip that arrives turns ready on the open page, with poster, duration and a preview', async () => {
  const shortId = await stack.upload(clip, 'The lake')
  const browser = await openBrowser()
  const { page } = browser
  const addresses = []
  page.on('request', (request) => addresses.push(request.url()))
  await signIn(page, stack)
  await page.getByRole('link', { name: 'The lake' }).first().waitFor()
  await page.getByText('0:08', { exact: true }).waitFor({ timeout: 60_000 })
  await stack.ready(shortId)
  const poster = page.locator('article img')
  await until('the poster', () => poster.evaluate((image) => image.naturalWidth > 0).catch(() => false))
  await until('the storyboard', async () => (await stack.api(`/api/videos/${shortId}`)).has_storyboard)
  // The media routes trust a clip's document for a second, so the first look may come too early.
  await until('the preview', async () => {
    await page.mouse.move(0, 0)
    await page.locator('article .picture').hover()
    const shown = page.locator('.preview .frame').waitFor({ timeout: 1000 })
    return shown.then(() => true, () => false)
  })
  // Whoever rests on a card may open it next.
  await until('its playlist and first segment', () => [/master\.m3u8/, /segment000\.ts/].every((name) => addresses.some((address) => name.test(address))))
  await page.mouse.move(0, 0)
  await page.locator('.preview').waitFor({ state: 'detached' })
  const access = await page.evaluate(async () => {
    const answer = await fetch('/api/auth/refresh', { method: 'POST' })
    return (await answer.json()).access_token.split('.')[1]
  })
  const claims = JSON.parse(Buffer.from(access, 'base64url').toString())
  assert.equal(claims.sub, 'admin')
  for (const address of addresses.filter((address) => address.includes('token='))) {
    const token = JSON.parse(Buffer.from(new URL(address).searchParams.get('token').split('.')[1], 'base64url').toString())
    assert.equal(token.aud, 'playback', 'only media tokens stand in addresses')
  }
  await browser.close()
})

test('the list is endless, newest first, and can be searched', async () => {
  for (let n = 1; n <= BEGUN; n++) {
    const body = { filename: 'x.mp4', type: 'video/mp4', metadata: { title: `Clip ${n}`, size: 1000 } }
    await stack.api('/api/s3/multipart', { method: 'POST', body, ...(n % 2 ? {} : await member()) })
  }
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  await page.getByRole('heading', { name: `Clip ${BEGUN}`, exact: true }).waitFor()
  assert.equal((await titles(page))[0], `Clip ${BEGUN}`)
  await until('the last clip', async () => {
    await page.mouse.wheel(0, 4000)
    return (await titles(page)).length === BEGUN + 1
  })
  assert.equal((await titles(page)).at(-1), 'The lake')
  assert.equal(new Set(await titles(page)).size, BEGUN + 1)

  await page.getByRole('searchbox').fill('clip 1')
  await page.waitForURL(/q=clip/)
  await until('the hits', async () => (await titles(page)).every((title) => title.includes('1')))
  await page.getByRole('searchbox').fill('the lake')
  await until('the one hit', async () => (await titles(page)).join() === 'The lake')
  assert.deepEqual(await page.locator('mark').allTextContents(), ['The', 'lake'])
  await inspect(page, 'library-search')
  await page.getByRole('button', { name: 'Only clips of admin' }).click()
  await page.getByRole('heading', { name: 'Clips of admin' }).waitFor()
  await page.getByRole('searchbox').fill('no such clip')
  await page.getByRole('heading', { name: 'No clips match' }).waitFor()
  await page.getByRole('button', { name: 'Show all clips' }).click()
  await page.getByRole('heading', { name: `Clip ${BEGUN}`, exact: true }).waitFor()
  await browser.close()
})

test('clips are put in order and narrowed down, and back leads to the same place', async () => {
  const broken = join(stack.folder, 'broken.mp4')
  writeFileSync(broken, 'This is no video. '.repeat(5000))
  const failed = await stack.upload(broken, 'Broken')
  await until('the failure', async () => (await stack.api(`/api/videos/${failed}`)).error)
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  await page.getByRole('heading', { name: 'Broken' }).waitFor()
  await page.locator('.failed').getByText((await stack.api(`/api/videos/${failed}`)).error).waitFor()
  await page.getByLabel('Order').selectOption('By title')
  await until('the order', async () => (await titles(page)).slice(0, 3).join() === 'Broken,Clip 1,Clip 2')
  await page.getByRole('button', { name: 'Failed' }).click()
  await until('what failed', async () => (await titles(page)).join() === 'Broken')
  await inspect(page, 'library-failed')
  await page.getByRole('button', { name: 'Processing' }).click()
  await page.getByRole('button', { name: 'Mine' }).click()
  await until('ours', async () => (await titles(page)).length === BEGUN / 2 + 1)
  assert.match(page.url(), /sort=title&show=failed%2Cprocessing%2Cmine$/)
  await page.reload()
  await until('the same', async () => (await titles(page)).length === BEGUN / 2 + 1)

  // Far down, into a clip, and back.
  await page.goto(stack.url)
  await until('the last clip', async () => {
    await page.mouse.wheel(0, 4000)
    return (await titles(page)).length === BEGUN + 2
  })
  const last = page.getByRole('link', { name: 'The lake' }).last()
  await last.scrollIntoViewIfNeeded()
  const place = await page.evaluate(() => scrollY)
  assert.ok(place > 500, `nothing to scroll: ${place}`)
  await last.click()
  await page.waitForURL(/\/v\//)
  await page.getByRole('heading', { name: 'The lake' }).waitFor()
  await page.goBack()
  await until('the same place', async () => Math.abs((await page.evaluate(() => scrollY)) - place) < 40)
  assert.equal((await titles(page)).length, BEGUN + 2)
  await browser.close()
})

test('several clips are hidden and deleted at once', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  await page.goto(`${stack.url}/?sort=title`)
  await page.getByRole('button', { name: 'Select' }).click()
  const bar = page.getByRole('group', { name: 'Selected clips' })
  for (const title of ['Broken', 'Clip 1', 'The lake']) await page.getByRole('checkbox', { name: `Select ${title}`, exact: true }).check()
  await bar.getByText('3 clips selected').waitFor()
  await screenshot(page, 'library-selected')
  await bar.getByRole('button', { name: 'Private' }).click()
  await page.getByText('3 clips private now.').waitFor()
  await page.getByRole('checkbox', { name: 'Select The lake' }).uncheck()
  await bar.getByRole('button', { name: 'Delete' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Delete 2 clips' }).click()
  await page.getByText('2 clips deleted.').waitFor()
  await until('the rest', async () => !(await titles(page)).some((title) => title === 'Broken' || title === 'Clip 1'))
  await page.goto(`${stack.url}/?show=private`)
  await until('what is private', async () => (await titles(page)).join() === 'The lake')
  await browser.close()
})

test('the library is used by keyboard alone', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  await page.goto(`${stack.url}/?q=lake`)
  await page.locator('article').first().waitFor()
  await page.evaluate(() => document.activeElement?.blur())
  const seen = []
  for (let presses = 0; presses < 20 && !seen.includes('The lake'); presses++) {
    await page.keyboard.press('Tab')
    seen.push(await page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent?.trim()))
  }
  assert.equal(seen[0], 'Skip to the page')
  assert.equal(seen.at(-1), 'The lake')
  await page.locator('.preview .frame').waitFor()
  await page.keyboard.press('Enter')
  await page.waitForURL(/\/v\//)
  await browser.close()
})
