// Uploading in the page: choosing, sending, going on.
import assert from 'node:assert/strict'
import { appendFileSync, copyFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, screenshot, signIn, until } from './harness.mjs'
import { makeClip, makeLargeClip } from './media.mjs'
import { startStack } from './stack.mjs'

const PART = 5 << 20

let stack
let small
let large
before(async () => {
  stack = await startStack()
  small = await makeClip(join(stack.folder, 'lake_trip.mp4'))
  large = await makeLargeClip(join(stack.folder, 'long.mp4'), 8 * PART)
})
after(() => stack?.stop())

const choose = (page, ...files) => page.locator('input[type=file]').setInputFiles(files)

/** The part that a request puts, or null. */
function partOf(request) {
  const url = new URL(request.url())
  return request.method() === 'PUT' ? Number(url.searchParams.get('partNumber')) : null
}

/** Numbers of the parts that a page puts, as they begin. */
function countParts(page) {
  const begun = []
  page.on('request', (request) => {
    const part = partOf(request)
    if (part) begun.push(part)
  })
  return begun
}

test('files chosen in the page turn ready under their titles', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/upload' })
  await inspect(page, 'upload-empty')
  const second = await makeClip(join(stack.folder, 'hills.mp4'), { seconds: 2, hue: 90 })
  await choose(page, small, second)
  await page.getByLabel('Title pattern').fill('Holiday {n}: {name}')
  await page.getByLabel('Title of hills.mp4').fill('The hills')
  await inspect(page, 'upload-chosen')
  await page.getByRole('button', { name: 'Upload 2 clips' }).click()
  await page.getByText('Ready to watch').nth(1).waitFor({ timeout: 120_000 })
  await inspect(page, 'upload-done')
  const { videos } = await stack.api('/api/videos')
  assert.deepEqual(videos.map(({ title }) => title).sort(), ['Holiday 1: lake trip', 'The hills'])
  const link = page.getByRole('link', { name: 'The hills' })
  assert.match(await link.getAttribute('href'), /^\/v\/[0-9A-Za-z]{10}$/)
  await link.click()
  await page.waitForURL(/\/v\//)
  await browser.close()
})

test('files dropped on the page are taken', async () => {
  const browser = await openBrowser()
  const { page, context } = browser
  await signIn(page, stack, { path: '/upload' })
  const devtools = await context.newCDPSession(page)
  const data = { items: [], files: [small], dragOperationsMask: 1 }
  const drag = (type, at) => devtools.send('Input.dispatchDragEvent', { type, x: at, y: at, data })
  // Held over the page, and let go beside what invites to drop.
  await drag('dragEnter', 200)
  await drag('dragOver', 210)
  await page.getByText('Let go to add them').waitFor()
  await screenshot(page, 'upload-held')
  await drag('dragOver', 20)
  await drag('drop', 20)
  await page.getByLabel('Title of lake_trip.mp4').waitFor()
  await page.getByText('Let go to add them').waitFor({ state: 'detached' })
  // What is nothing to watch is told so at once, and nothing of it is sent.
  const sent = countParts(page)
  const letter = join(stack.folder, 'letter.mp4')
  writeFileSync(letter, 'Dear grandmother, this is a letter and no video. '.repeat(100))
  await choose(page, letter)
  await page.getByRole('alert').getByText('This is a text. Clipset takes videos, sound, and moving GIFs.').waitFor()
  await inspect(page, 'upload-kind')
  assert.deepEqual(sent, [])
  await browser.close()
})

test('from a file on the desk to its link takes one press, and the upload goes on from page to page', async () => {
  const browser = await openBrowser({ permissions: ['clipboard-read', 'clipboard-write'] })
  const { page, context } = browser
  await signIn(page, stack)
  // Two parts pass; the others wait for `open`.
  let open
  const opened = new Promise((resolve) => (open = resolve))
  let begun = 0
  await page.route(/partNumber=/, async (route) => {
    if (route.request().method() === 'PUT' && ++begun > 2) await opened
    await route.continue().catch(() => undefined)
  })
  let presses = 0
  await page.exposeFunction('pressed', () => presses++)
  await page.evaluate(() => addEventListener('pointerdown', () => globalThis.pressed(), true))
  const desk = join(stack.folder, 'desk.mp4')
  copyFileSync(large, desk)
  const devtools = await context.newCDPSession(page)
  const data = { items: [], files: [desk], dragOperationsMask: 1 }
  for (const type of ['dragEnter', 'dragOver', 'drop']) await devtools.send('Input.dispatchDragEvent', { type, x: 200, y: 200, data })
  const tray = page.getByRole('complementary', { name: 'Uploads' })
  await tray.getByRole('button', { name: 'Copy the link to desk' }).click()
  const copied = await until('the link', async () => {
    const text = await page.evaluate(() => navigator.clipboard.readText())
    return text.startsWith(`${stack.url}/v/`) && text
  })
  assert.equal(presses, 1)
  await until('the first parts', async () => /^[1-9]\d? % · /.test(await page.title()))
  await inspect(page, 'library-uploading')
  await page.getByRole('link', { name: /Your account/ }).click()
  await page.getByRole('heading', { name: 'Password' }).waitFor()
  await tray.getByText(/Uploading · \d+ %/).waitFor()
  assert.match(await page.title(), /^\d+ % · Your account – Clipset$/)

  // A reload takes the file away; chosen again, it goes on.
  page.on('dialog', (dialog) => dialog.accept())
  await page.reload()
  await tray.getByText('Choose desk.mp4 again to go on').waitFor()
  await inspect(page, 'account-interrupted')
  open()
  await tray.locator('input[type=file]').setInputFiles(desk)
  await tray.getByText('Ready to watch').waitFor({ timeout: 120_000 })
  await tray.getByRole('link', { name: 'desk' }).click()
  await page.waitForURL(copied)
  await page.getByRole('heading', { name: 'desk' }).waitFor()
  assert.equal(await page.title(), 'desk – Clipset')
  await browser.close()
})

test('a closed tab is no loss: the same file goes on, and what has arrived is not sent again', async () => {
  const browser = await openBrowser()
  const first = browser.page
  await signIn(first, stack, { path: '/upload' })
  // The connection gets stuck after four parts.
  const arrived = new Set()
  let begun = 0
  await first.route(/partNumber=/, async (route) => {
    if (route.request().method() === 'PUT' && ++begun > 4) return
    await route.continue()
  })
  first.on('requestfinished', (request) => {
    const part = partOf(request)
    if (part) arrived.add(part)
  })
  await choose(first, large)
  await first.getByRole('button', { name: 'Upload this clip' }).click()
  await until('four parts', () => arrived.size === 4)
  await screenshot(first, 'upload-half')
  await first.close({ runBeforeUnload: false })

  const second = await browser.context.newPage()
  const sent = countParts(second)
  await second.goto(`${stack.url}/upload`)
  const listed = second.waitForResponse(
    (answer) => answer.request().method() === 'GET' && answer.url().includes('/api/s3/multipart/'),
  )
  await choose(second, large)
  // What the bucket has. More than arrived before may be there: a tab that closes can let go what was stuck.
  const there = (await (await listed).json()).map(({ PartNumber }) => PartNumber)
  await second.getByText('Ready to watch').waitFor({ timeout: 120_000 })
  const count = Math.ceil(statSync(large).size / PART)
  const missing = Array.from({ length: count }, (_, i) => i + 1).filter((part) => !there.includes(part))
  assert.deepEqual([...arrived].filter((part) => !there.includes(part)), [], 'a part that had arrived is not there')
  assert.ok(missing.length > 0, 'the upload was whole before the tab closed')
  assert.deepEqual(sent.sort((a, b) => a - b), missing)
  await browser.close()
})

test('an upload waits while it is paused, and goes on when the connection is back', async () => {
  const browser = await openBrowser()
  const { page, context } = browser
  await signIn(page, stack, { path: '/upload' })
  // Two parts pass; the others wait for `open`.
  let open
  const opened = new Promise((resolve) => (open = resolve))
  let begun = 0
  await page.route(/partNumber=/, async (route) => {
    if (route.request().method() === 'PUT' && ++begun > 2) await opened
    await route.continue().catch(() => undefined)
  })
  const copy = join(stack.folder, 'again.mp4')
  copyFileSync(large, copy)
  await choose(page, copy)
  await page.getByRole('button', { name: 'Upload this clip' }).click()
  await until('some parts', () => begun > 2)
  await page.getByRole('button', { name: 'Pause again' }).click()
  await page.getByText(/Paused at/).waitFor()
  const before = begun
  open()
  await page.getByRole('button', { name: 'Go on with again' }).click()
  await until('another part', () => begun > before)
  await context.setOffline(true)
  await page.getByText(/You are offline/).waitFor()
  await screenshot(page, 'upload-offline')
  await context.setOffline(false)
  await page.getByText('Ready to watch').waitFor({ timeout: 120_000 })
  await browser.close()
})

test('a file that is written to while it is sent is told so, and its upload is given up', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/upload' })
  const copy = join(stack.folder, 'changing.mp4')
  copyFileSync(large, copy)
  // Two parts pass; the others wait until the file is another one.
  let change
  const changed = new Promise((resolve) => (change = resolve))
  let begun = 0
  await page.route(/partNumber=/, async (route) => {
    if (route.request().method() === 'PUT' && ++begun > 2) await changed
    await route.continue().catch(() => undefined)
  })
  await choose(page, copy)
  await page.getByRole('button', { name: 'Upload this clip' }).click()
  await until('some parts', () => begun > 2)
  appendFileSync(copy, 'more')
  change()
  await page.getByRole('alert').getByText(/changed while it was being sent/).waitFor({ timeout: 30_000 })
  await until('the upload to be given up', async () => {
    const { videos } = await stack.api('/api/videos')
    return videos.every(({ title }) => title !== 'changing')
  })
  await browser.close()
})

test('a file over the limit or the quota is refused in the words of the API, before its first byte', async () => {
  const size = statSync(large).size
  await stack.api('/api/config', { method: 'PATCH', body: { max_file_size_bytes: size - 1 } })
  const browser = await openBrowser()
  const { page } = browser
  const sent = countParts(page)
  await signIn(page, stack, { path: '/upload' })
  const copy = join(stack.folder, 'refused.mp4')
  copyFileSync(large, copy)
  await choose(page, copy)
  await page.getByRole('button', { name: 'Upload this clip' }).click()
  await page.getByRole('alert').getByText(/has \d+(\.\d)? MB, and \d+(\.\d)? MB are allowed: choose a smaller one/).waitFor()
  await inspect(page, 'upload-refused')
  await stack.api('/api/config', {
    method: 'PATCH',
    body: { max_file_size_bytes: size, weekly_upload_limit_bytes: size + 1000 },
  })
  await page.getByRole('button', { name: 'Try refused again' }).click()
  await page.getByRole('alert').getByText(/you may upload in seven days/).waitFor()
  assert.deepEqual(sent, [])
  await browser.close()
})
