// Administration: settings, members and their invitations, older clips.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, signIn, until } from './harness.mjs'
import { makeClip } from './media.mjs'
import { startStack } from './stack.mjs'

let stack
before(async () => (stack = await startStack()))
after(() => stack?.stop())

const HLS = 'HLS - Segmented Streaming (Recommended)'

async function save(page) {
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The settings are saved.').waitFor()
  await page.getByRole('button', { name: 'Dismiss' }).last().click()
}

test('new uploads are progressive as soon as an administrator says so, and HLS again afterwards', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin' })
  await page.getByRole('group', { name: 'Video Delivery Format' }).waitFor()
  const first = await page.getByRole('group').first().getByRole('heading').textContent()
  assert.equal(first, 'Video Delivery Format')
  await inspect(page, 'admin-settings')
  await page.getByRole('radio', { name: /^Progressive/ }).check()
  await save(page)
  const clip = await makeClip(join(stack.folder, 'p.mp4'), { seconds: 2 })
  const one = await stack.ready(await stack.upload(clip, 'Progressive'))
  assert.equal(one.format, 'progressive')
  await page.getByRole('radio', { name: HLS }).check()
  await save(page)
  const other = await makeClip(join(stack.folder, 'h.mp4'), { seconds: 2, hue: 120 })
  const two = await stack.ready(await stack.upload(other, 'HLS'))
  assert.equal(two.format, 'hls')
  await browser.close()
})

test('a preset fills the fields, a field changed by hand makes it custom, and a refused one is told', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin' })
  const crf = page.getByLabel('x264 quality (CRF)')
  await page.getByRole('radio', { name: /^Quality/ }).check()
  assert.equal(await crf.inputValue(), '16')
  assert.equal(await page.getByLabel('Maximum resolution').inputValue(), '4k')
  await crf.fill('20')
  assert.ok(await page.getByRole('radio', { name: /^Custom/ }).isChecked())
  await page.getByLabel('Audio bit rate').fill('500000M')
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('a bit rate is a whole number with k or M, from 8k to 400M').waitFor()
  await inspect(page, 'admin-refused')
  await page.getByLabel('Audio bit rate').fill('96k')
  await save(page)
  const settings = await stack.api('/api/config')
  assert.deepEqual(
    [settings.transcode_preset_mode, settings.cpu_crf, settings.max_resolution, settings.audio_bitrate],
    ['custom', 20, '4k', '96k'],
  )
  const gpu = await stack.api('/api/config/encoders')
  assert.equal(await page.getByRole('switch', { name: 'Encode with the GPU' }).isEnabled(), gpu.gpu_available)
  await browser.close()
})

test('the GPU is a switch where a runner measured one, and the processor stands in where it breaks down', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'clipset-gpu-'))
  // It passes the trial on a made picture and fails every clip.
  const ffmpeg = join(folder, 'ffmpeg')
  const cases = '*lavfi*h264_nvenc*) exit 0;; *h264_nvenc*) echo "[h264_nvenc @ 0x55d1] No capable devices found" >&2; exit 1;; *) exec ffmpeg "$@";;'
  writeFileSync(ffmpeg, `#!/bin/sh\ncase "$*" in ${cases} esac\n`)
  chmodSync(ffmpeg, 0o755)
  const system = await startStack({ FFMPEG: ffmpeg })
  try {
    await until('a measured GPU', async () => (await system.api('/api/config/encoders')).gpu_available)
    const browser = await openBrowser()
    const { page } = browser
    await signIn(page, system, { path: '/admin' })
    const gpu = page.getByRole('switch', { name: 'Encode with the GPU' })
    await page.getByText('Measured: a GPU').waitFor()
    await gpu.check()
    await page.getByLabel('NVENC preset').waitFor()
    await inspect(page, 'admin-gpu')
    await save(page)
    assert.equal((await system.api('/api/config')).use_gpu_transcoding, true)
    await browser.close()
    const clip = await makeClip(join(folder, 'a.mp4'), { seconds: 20, size: '320x180', keyframesEvery: 9999 })
    const id = await system.upload(clip)
    await system.ready(id)
    assert.match(await system.clipset('status', id), /the GPU failed \(\[h264_nvenc\] No capable devices found\), so the processor encodes/)
  } finally {
    await system.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a stale page is told so, and overwrites nothing', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin' })
  await page.getByRole('radio', { name: /^One/ }).check()
  await stack.api('/api/config', { method: 'PATCH', body: { keep_originals: false } })
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText(/admin changed the settings .*Yours were not saved/s).waitFor()
  await inspect(page, 'admin-stale')
  assert.equal((await stack.api('/api/config')).renditions, 'ladder')
  await page.getByRole('button', { name: 'Show the newest settings' }).click()
  assert.equal(await page.getByRole('switch', { name: 'Keep the originals' }).isChecked(), false)
  await page.getByRole('radio', { name: /^One/ }).check()
  await save(page)
  const settings = await stack.api('/api/config')
  assert.deepEqual([settings.renditions, settings.keep_originals], ['single', false])
  await browser.close()
})

test('the clips of a member who leaves are handed over to another', async () => {
  await stack.clipset('user', 'add', 'leaver')
  await stack.clipset('user', 'add', 'keeper')
  const clip = await makeClip(join(stack.folder, 'left.mp4'), { seconds: 2, hue: 200 })
  const id = await stack.upload(clip, 'Left behind')
  await stack.ready(id)
  await stack.api('/api/users/admin/clips/transfer', { method: 'POST', body: { to: 'leaver' } })
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin/members' })
  await page.getByRole('button', { name: 'Disable leaver' }).click()
  await page.getByRole('button', { name: 'Enable leaver' }).waitFor()
  await page.getByRole('button', { name: 'Transfer clips of leaver' }).click()
  await inspect(page, 'admin-transfer')
  const choice = page.getByLabel('To whom')
  assert.ok(!(await choice.locator('option').allTextContents()).includes('leaver'))
  await choice.selectOption('keeper')
  await page.getByRole('button', { name: /^Transfer (the clip|all clips)$/ }).click()
  await page.getByText(/keeper's now/).waitFor()
  assert.equal((await stack.api(`/api/videos/${id}`)).owner, 'keeper')
  await stack.api('/api/users/keeper/clips/transfer', { method: 'POST', body: { to: 'admin' } })
  await browser.close()
})

test('a guest joins by invitation, changes the password, is disabled and comes back by a link', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin/members' })
  await page.getByRole('button', { name: 'Invite someone' }).click()
  await page.getByLabel('For whom').fill('Ada')
  await inspect(page, 'admin-invite')
  await page.getByRole('button', { name: 'Create link' }).click()
  const invitation = await page.getByLabel('Link').inputValue()
  assert.ok(invitation.startsWith(`${stack.url}/register#`))
  await page.getByRole('button', { name: 'Close' }).click()

  const guest = await openBrowser()
  const theirs = guest.page
  await theirs.goto(invitation)
  await inspect(theirs, 'register')
  await theirs.getByLabel('Username').fill('admin')
  await theirs.getByLabel('Password').fill('ada has a long one')
  await theirs.getByRole('button', { name: 'Join' }).click()
  await theirs.getByText('This username is taken').waitFor()
  await theirs.getByLabel('Username').fill('ada')
  await theirs.getByRole('button', { name: 'Join' }).click()
  await theirs.getByRole('heading', { name: 'Clips' }).waitFor()
  assert.equal(await theirs.getByRole('link', { name: 'Administration' }).count(), 0)
  await theirs.goto(`${stack.url}/admin`)
  await theirs.getByRole('heading', { name: 'For administrators' }).waitFor()

  await theirs.getByRole('link', { name: 'Your account: ada' }).click()
  await theirs.getByLabel('Current password').fill('ada has a long one')
  await theirs.getByLabel('New password').fill('another long one')
  await inspect(theirs, 'account')
  await theirs.getByRole('button', { name: 'Change the password' }).click()
  await theirs.getByText('Your password is changed').waitFor()

  await page.reload()
  await page.getByRole('button', { name: 'Disable ada' }).click()
  await page.getByRole('button', { name: 'Enable ada' }).waitFor()
  await inspect(page, 'admin-members')
  await theirs.reload()
  await theirs.getByRole('heading', { name: 'Sign in' }).waitFor()
  await page.getByRole('button', { name: 'Enable ada' }).click()
  await page.getByRole('button', { name: 'New password for ada' }).click()
  const reset = await page.getByLabel('Link').inputValue()
  await theirs.goto(reset)
  await theirs.getByLabel('Password').fill('the third long one')
  await theirs.getByRole('button', { name: 'Set the password' }).click()
  await theirs.getByRole('link', { name: 'Your account: ada' }).click()
  await theirs.getByRole('button', { name: 'Sign out' }).click()
  await theirs.getByRole('heading', { name: 'Sign in' }).waitFor()
  await signIn(theirs, stack, { username: 'ada', password: 'the third long one' })

  // The role counts as soon as the next token is asked for.
  await page.getByRole('button', { name: 'Close' }).click()
  await page.getByLabel('Role of ada').selectOption('admin')
  await until('the role', async () => (await stack.api('/api/users')).users.some((user) => user.username === 'ada' && user.role === 'admin'))
  await guest.close()
  await browser.close()
})

test('older clips become HLS at the press of a button, and the page tells how far it is', async () => {
  // The format changes after the upload: it is an older clip now.
  const format = (video_output_format) => stack.api('/api/config', { method: 'PATCH', body: { video_output_format } })
  await format('progressive')
  const older = await stack.upload(await makeClip(join(stack.folder, 'o.mp4'), { seconds: 2, hue: 240 }), 'Older')
  await stack.ready(older)
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin/migration' })
  await page.getByRole('heading', { name: 'Move older clips to HLS' }).waitFor()
  await inspect(page, 'admin-migration')
  await format('hls')
  await page.getByRole('button', { name: 'Start' }).click()
  await until('HLS', async () => (await stack.ready(older)).format === 'hls')
  await page.getByText(/^(\d+) of \1 done$/).waitFor()
  await inspect(page, 'admin-migration-done')
  await browser.close()
})

test('clips are deleted after the days that an administrator says, or never', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/admin' })
  const days = page.getByLabel('Delete clips after (days)')
  await days.fill('90')
  await save(page)
  assert.equal((await stack.api('/api/config')).expire_after_days, 90)
  await page.reload()
  assert.equal(await days.inputValue(), '90')
  await days.fill('')
  await save(page)
  assert.equal((await stack.api('/api/config')).expire_after_days, null)
  await browser.close()
})

test('the appearance is chosen, and kept', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack)
  const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await background()
  await page.getByRole('button', { name: 'Appearance: as the system' }).click()
  await page.getByRole('button', { name: 'Appearance: light' }).click()
  await page.getByRole('button', { name: 'Appearance: dark' }).waitFor()
  await until('the dark page', async () => (await background()) !== light)
  const dark = await background()
  await page.reload()
  await page.getByRole('button', { name: 'Appearance: dark' }).waitFor()
  await until('the dark page again', async () => (await background()) === dark)
  await browser.close()
})

/** The file in which the embedded bucket keeps the object `key`. */
function fileOf(key) {
  const files = readdirSync(join(stack.data, 'bucket'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).filter((path) => !path.endsWith('/keys'))
  return paths.find((path) => readFileSync(path).subarray(0, 4096).includes(`"key":"${key}"`))
}

test('damaged settings are told on every page, and replaced only by an administrator who is asked', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await stack.api('/api/config', { method: 'PATCH', body: { cpu_crf: 27 } })
  truncateSync(fileOf('settings.json'), 100)
  await signIn(page, stack)
  await page.getByText('nothing is deleted on their word. Look at them under Admin').waitFor()
  await page.goto(`${stack.url}/admin`)
  const replace = page.getByRole('button', { name: 'Save these instead' })
  await replace.waitFor()
  assert.equal(await page.getByLabel('x264 quality (CRF)').inputValue(), '27', 'the last good ones are shown')
  await inspect(page, 'admin-settings-damaged')
  assert.equal((await stack.api('/api/config')).settings_fallen_back, true)
  await replace.click()
  await page.getByText('The settings are saved.').waitFor()
  await replace.waitFor({ state: 'detached' })
  const settings = await stack.api('/api/config')
  assert.deepEqual([settings.settings_fallen_back, settings.cpu_crf], [false, 27])
  await browser.close()
})
