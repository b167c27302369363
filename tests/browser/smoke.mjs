// A running system as a member meets it: uploads in the page, plays, is refused what is not signed, and deletes.
//   PASSWORD=… node smoke.mjs https://clips.example.org [NAME]
// infra/smoke runs it against AWS, smoke.test.mjs against this machine. It leaves nothing behind.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openBrowser, signIn, until } from './harness.mjs'
import { makeClip } from './media.mjs'

const MINUTE = 60_000

const say = (text) => process.stdout.write(`smoke: ${text}\n`)

/** Uploads a clip in the page; gives its id. A first conversion may have to wait for a machine. */
async function upload(page, folder) {
  const clip = await makeClip(join(folder, 'smoke.mp4'))
  await page.locator('input[type=file]').setInputFiles([clip])
  await page.getByRole('button', { name: 'Upload this clip' }).click()
  await page.getByText('Ready to watch').waitFor({ timeout: 30 * MINUTE })
  await page.getByRole('link', { name: 'smoke' }).click()
  await page.waitForURL(/\/v\//)
  return new URL(page.url()).pathname.split('/')[2]
}

/** Plays half a second; gives the signed address of a segment that came. */
async function play(page, segments) {
  await page.waitForFunction(
    () => {
      const find = (node) => {
        if (node instanceof HTMLVideoElement) return node
        return [...node.children, ...(node.shadowRoot?.children ?? [])].map(find).find(Boolean)
      }
      const video = find(document.body)
      if (video?.paused) video.play().catch(() => undefined)
      return video?.currentTime > 0.5
    },
    null,
    { timeout: MINUTE },
  )
  assert.ok(segments.length, 'nothing came by HLS')
  return segments[0]
}

/** What the contract's section 3 says of an address that is not exactly the signed one. */
async function refuse(segment) {
  const { origin, pathname, search } = new URL(segment)
  const [, md5, expires] = search.match(/^\?md5=(.{22})&expires=(\d+)$/)
  for (const [what, target, status, method = 'GET'] of [
    ['as it is signed', pathname + search, 200],
    ['without a signature', pathname, 403],
    ['with a wrong one', `${pathname}?md5=${'A'.repeat(22)}&expires=${expires}`, 403],
    ['in another order', `${pathname}?expires=${expires}&md5=${md5}`, 403],
    ['with another end', `${pathname}?md5=${md5}&expires=${Number(expires) + 1}`, 403],
    ['with more', `${pathname}${search}&x=1`, 403],
    ['of another path', pathname.replace('/hls/', '/%68ls/') + search, 403],
    ['asked before it is fetched', pathname + search, 204, 'OPTIONS'],
    ['written to', pathname + search, 405, 'POST'],
  ]) {
    const answer = await fetch(origin + target, { method })
    assert.equal(answer.status, status, `a segment ${what}: ${answer.status}`)
    assert.equal(answer.headers.get('access-control-allow-origin'), '*', `a segment ${what} lacks CORS`)
    if (status === 403) assert.equal(answer.headers.get('cache-control'), 'no-store', `a segment ${what} may be kept`)
  }
}

/** Deletes the clip and waits until the edge serves it no more: 300 s at worst, says the contract. */
async function remove(site, token, clip, segment) {
  const authorization = `Bearer ${token}`
  const deleted = await fetch(`${site}/api/videos/${clip}`, { method: 'DELETE', headers: { authorization } })
  assert.ok(deleted.ok, `the deletion was answered with ${deleted.status}`)
  await until('the deleted clip to be refused', async () => [404, 410].includes((await fetch(segment)).status), { seconds: 360 })
  assert.equal((await fetch(`${site}/api/videos/${clip}`, { headers: { authorization } })).status, 404)
}

async function logIn(site, username, password) {
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${site}/api/auth/login`, { method: 'POST', headers, body: JSON.stringify({ username, password }) })
  assert.equal(answer.status, 200, `nobody of the name ${username} can sign in: ${answer.status}`)
  return (await answer.json()).access_token
}

/** All of it, at `site` as `username`. */
export async function smoke(site, username, password) {
  const folder = mkdtempSync(join(tmpdir(), 'clipset-smoke-'))
  const browser = await openBrowser()
  try {
    const token = await logIn(site, username, password)
    const segments = []
    browser.page.on('requestfinished', (request) => {
      if (/\/hls\/.*\.ts\?/.test(request.url())) segments.push(request.url())
    })
    await signIn(browser.page, { url: site, password }, { username, path: '/upload' })
    say('signed in')
    const clip = await upload(browser.page, folder)
    say(`uploaded and converted: ${site}/v/${clip}`)
    const segment = await play(browser.page, segments)
    say('plays')
    await refuse(segment)
    say('refuses what is not signed')
    await remove(site, token, clip, segment)
    say('deleted, and refused since')
  } finally {
    await browser.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

if (process.argv[1] === import.meta.filename) {
  const [site, username = 'smoke'] = process.argv.slice(2)
  if (!site || !process.env.PASSWORD) {
    process.stderr.write('usage: PASSWORD=… node smoke.mjs ADDRESS [NAME]\n')
    process.exit(2)
  }
  await smoke(site.replace(/\/$/, ''), username, process.env.PASSWORD)
}
