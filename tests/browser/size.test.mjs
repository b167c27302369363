// The first load of the watch page is small, and the policy that functions send is the one that was built.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openBrowser, signIn } from './harness.mjs'
import { makeClip } from './media.mjs'
import { playing } from './player.mjs'
import { root, startStack } from './stack.mjs'

/** Bytes of gzipped script. */
const LIMIT = 250 * 1024

let stack
before(async () => (stack = await startStack()))
after(() => stack?.stop())

test('250 KiB of gzipped script play a clip', async () => {
  const shortId = await stack.upload(await makeClip(join(stack.folder, 'a.mp4')), 'Small')
  await stack.ready(shortId)
  const browser = await openBrowser()
  await signIn(browser.page, stack)
  const page = await browser.context.newPage()
  const scripts = new Map()
  const take = async (address) => {
    const { pathname } = new URL(address)
    if (!pathname.endsWith('.js') || scripts.has(pathname)) return
    scripts.set(pathname, 0)
    scripts.set(pathname, gzipSync(Buffer.from(await (await fetch(address)).arrayBuffer())).length)
  }
  const taken = []
  // The worker's script is asked for by the worker, so its page has no request of it.
  page.on('request', (request) => taken.push(take(request.url())))
  page.on('worker', (worker) => taken.push(take(worker.url())))
  await page.goto(`${stack.url}/v/${shortId}`)
  await page.locator('video').waitFor()
  await playing(page)
  await Promise.all(taken)
  const told = [...scripts].map(([path, bytes]) => `${path} ${bytes}`).join('\n')
  const sum = [...scripts.values()].reduce((a, b) => a + b, 0)
  assert.ok([...scripts.keys()].some((path) => path.includes('hls.worker')), `no worker among\n${told}`)
  assert.ok(sum <= LIMIT, `${sum} bytes, more than ${LIMIT}:\n${told}`)
  const own = [...scripts.keys()].filter((path) => /Library|Admin|Upload/.test(path))
  assert.deepEqual(own, [], 'other pages come along')
  await browser.close()
})

test('the hashes that functions/api sends are those of this build', () => {
  // Throws, with the difference, where the build has written others.
  execFileSync('git', ['diff', '--exit-code', '--', 'web/style-hashes.txt'], { cwd: root })
})
