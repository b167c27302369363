// From opening a page to the first picture shown: the watch page beside a page with nothing but hls.js and the same stream,
// with an empty cache and a full one. Medians of pairs in one run.
//
//   cargo build --locked --workspace --bins && npm --prefix web run build && npm --prefix tests/browser run first-frame
import { join } from 'node:path'
import { bare, median, pagesWithBare } from './bare.mjs'
import { openBrowser, signIn } from './harness.mjs'
import { makeClip } from './media.mjs'
import { startStack } from './stack.mjs'

const ROUNDS = 15

/** ms from the start of the navigation to the first picture. */
async function firstFrame(page, address) {
  // Another document first: an address that differs by its fragment alone would load nothing.
  await page.goto('about:blank')
  await page.goto(address)
  return page.evaluate(() => globalThis.firstFrame)
}

const pages = pagesWithBare()
const stack = await startStack({}, pages.folder)
const { context, page, close } = await openBrowser()
try {
  const shortId = await stack.upload(await makeClip(join(stack.folder, 'a.mp4'), { seconds: 30, size: '1280x720' }), 'First')
  const { manifest_url, playback_token } = await stack.ready(shortId)
  await signIn(page, stack)
  await page.addInitScript(() => {
    globalThis.firstFrame = new Promise((resolve) => {
      new MutationObserver((_changes, observer) => {
        const video = document.querySelector('video')
        if (!video) return
        observer.disconnect()
        video.requestVideoFrameCallback((now) => resolve(now))
      }).observe(document, { childList: true, subtree: true })
    })
  })
  const devtools = await context.newCDPSession(page)
  const addresses = {
    bare: bare(stack.url, 'hls', `${manifest_url}?token=${playback_token}`),
    watch: `${stack.url}/v/${shortId}`,
  }
  for (const cache of ['cold', 'warm']) {
    const taken = { bare: [], watch: [] }
    for (let round = 0; round < ROUNDS; round++) {
      for (const [name, address] of Object.entries(addresses)) {
        if (cache === 'cold') await devtools.send('Network.clearBrowserCache')
        taken[name].push(await firstFrame(page, address))
      }
    }
    const [bare, watch] = [median(taken.bare), median(taken.watch)]
    process.stdout.write(`${cache}: watch page ${watch.toFixed(0)} ms, bare hls.js ${bare.toFixed(0)} ms, ${(watch / bare).toFixed(2)} times\n`)
  }
} finally {
  await close()
  await stack.stop()
  pages.remove()
}
