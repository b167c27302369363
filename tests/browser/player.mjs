// What tests of playing have in common: a clip whose pictures are numbered, and looks at the player.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { until } from './harness.mjs'

export const RATE = 25

/** A clip whose picture shows its number in binary, in ten columns from the left: bright is 1. Copied by the transcoder. */
export async function makeNumberedClip(file, seconds) {
  const bits = 'lum=if(mod(floor(N/pow(2\\,floor(X/40)))\\,2)\\,235\\,16):cb=128:cr=128'
  await promisify(execFile)('ffmpeg', [
    ...['-v', 'error', '-y', '-f', 'lavfi', '-i', `nullsrc=size=400x240:rate=${RATE}:duration=${seconds},format=yuv420p,geq=${bits}`],
    ...['-f', 'lavfi', '-i', `sine=duration=${seconds}`, '-c:v', 'libx264', '-preset', 'ultrafast', '-g', '50', '-c:a', 'aac', file],
  ])
  return file
}

export const currentTime = (page) => page.locator('video').evaluate((video) => video.currentTime)

/** Begins to play, and waits until it does. `page` may be a frame. */
export async function playing(page) {
  await page.locator('video').evaluate((video) => video.play())
  const from = await currentTime(page)
  await until('play', async () => (await currentTime(page)) > from + 0.5, { seconds: 30 })
}

export const pause = (page) => page.locator('video').evaluate((video) => video.pause())

/** Goes to a time and waits until the picture is there. */
export const seek = (page, seconds) =>
  page.locator('video').evaluate(
    (video, to) => new Promise((resolve) => ((video.onseeked = () => resolve()), (video.currentTime = to))),
    seconds,
  )

/** The number that the picture of a numbered clip shows. */
export const numberShown = (page) =>
  page.locator('video').evaluate((video) => {
    const canvas = new OffscreenCanvas(400, 240)
    const context = canvas.getContext('2d')
    context.drawImage(video, 0, 0, 400, 240)
    let number = 0
    for (let bit = 0; bit < 10; bit++) if (context.getImageData(bit * 40 + 20, 120, 1, 1).data[0] > 128) number += 2 ** bit
    return number
  })
