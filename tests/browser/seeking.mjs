// How a seek is measured: from the seek, or from the press of the pointer, to the first picture within one of that place.
import { median } from './bare.mjs'
import { signIn, until } from './harness.mjs'

export const RATE = 30
/** Seconds of the clip, and how far apart the places of one opening lie: more than is buffered ahead. */
export const SECONDS = 300
const APART = 80
const PLACES = Math.floor(SECONDS / APART)
// As wide as the picture, so that no player has a reason to choose a smaller one.
const VIEWPORT = { width: 2000, height: 1400 }

/** In the page: waits for the picture at a place; `go` says when it was asked for. */
export function lookForPictures() {
  const near = (mediaTime, to) => Math.abs(mediaTime - to) < 1 / 30 + 0.005
  const pictureAt = (video, place) =>
    new Promise((resolve) => {
      const look = (_now, { mediaTime }) => {
        const to = place()
        if (to !== null && near(mediaTime, to)) resolve(performance.now())
        else video.requestVideoFrameCallback(look)
      }
      video.requestVideoFrameCallback(look)
    })
  const isBuffered = (video, to) =>
    [...Array(video.buffered.length).keys()].some((n) => video.buffered.start(n) <= to + 0.05 && to < video.buffered.end(n))

  /** Seeks by itself, as a key does. */
  globalThis.seekTo = async (to) => {
    const video = document.querySelector('video')
    const buffered = isBuffered(video, to)
    const asked = performance.now()
    const shown = pictureAt(video, () => to)
    video.currentTime = to
    const ms = (await shown) - asked
    return { ms, buffered, height: video.videoHeight }
  }

  /** Waits for a press on the time line. */
  globalThis.seekByPointer = () => {
    const video = document.querySelector('video')
    let [asked, to] = [0, null]
    addEventListener('pointerdown', () => (asked = performance.now()), { once: true, capture: true })
    video.addEventListener('seeking', () => (to = video.currentTime), { once: true })
    globalThis.soughtByPointer = pictureAt(video, () => to).then((shown) => ({ ms: shown - asked, height: video.videoHeight }))
  }
}

async function begin(page, address) {
  await page.goto(address)
  const video = page.locator('video')
  await video.waitFor()
  await until('the first picture', () => video.evaluate((it) => it.readyState >= 3), { seconds: 60 })
  await video.evaluate((it) => it.pause())
}

/** What a viewer thinks between two seeks; loading goes on meanwhile, in either page. */
const think = () => new Promise((resolve) => setTimeout(resolve, 1000))

/** By the pointer, which rests on the time line for a second before it presses. */
async function press(page, to) {
  await page.mouse.move(10, 10)
  const line = await page.locator('media-time-range').boundingBox()
  const [x, y] = [line.x + (line.width * to) / SECONDS, line.y + line.height / 2]
  await page.mouse.move(x - 30, y, { steps: 3 })
  await page.mouse.move(x, y)
  await think()
  await page.evaluate(() => globalThis.seekByPointer())
  await page.mouse.down()
  await page.mouse.up()
  return page.evaluate(() => globalThis.soughtByPointer)
}

const SEEKS = {
  watch: (page, to) => page.evaluate((it) => globalThis.seekTo(it), to),
  mp4: (page, to) => page.evaluate((it) => globalThis.seekTo(it), to),
  rested: press,
}

/** One place in each part of the clip, in an order of their own; in the middle of a picture. */
function places() {
  const parts = Array.from({ length: PLACES }, (_, n) => n * APART + 55 + Math.random() * 20)
  return parts.map((to) => (Math.floor(to * RATE) + 0.5) / RATE).toSorted(() => Math.random() - 0.5)
}

/** In a browser that has seen nothing yet. */
async function seeks(name, { open, stack, addresses }, to) {
  const { page, close } = await open({ viewport: VIEWPORT })
  await page.addInitScript(lookForPictures)
  await signIn(page, stack)
  await begin(page, addresses[name] ?? addresses.watch)
  const seen = []
  for (const place of to) {
    await think()
    seen.push(await SEEKS[name](page, place))
  }
  await close()
  return seen
}

/** Measures `pairs` of seeks; `world` has the browser to `open`, the `stack` and the `addresses` of `watch` and `mp4`. */
export async function compare(world, pairs) {
  const taken = { watch: [], mp4: [], rested: [] }
  const heights = new Set()
  for (let round = 0; taken.mp4.length < pairs; round++) {
    const to = places()
    const names = Object.keys(taken)
    const got = {}
    for (const name of round % 2 === 0 ? names : names.toReversed()) got[name] = await seeks(name, world, to)
    for (let n = 0; n < PLACES; n++) {
      // A browser had loaded as far as there by itself: no seek to be measured.
      if (got.watch[n].buffered || got.mp4[n].buffered) continue
      for (const name of names) {
        taken[name].push(got[name][n].ms)
        heights.add(`${name} ${got[name][n].height}p`)
      }
    }
  }
  const ms = (name) => `${median(taken[name]).toFixed(0)} ms`
  const ratio = (name) => `${median(taken[name].map((took, n) => took / taken.mp4[n])).toFixed(2)} times`
  return `${ms('watch')} beside ${ms('mp4')}, ${ratio('watch')}; rested ${ms('rested')}, ${ratio('rested')}; ${[...heights].toSorted().join(', ')}; ${taken.mp4.length} pairs`
}
