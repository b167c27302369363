// Clips made on the fly.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

const ffmpeg = (...args) => run('ffmpeg', ['-v', 'error', '-y', ...args])

/** A small clip of moving test bars with a tone: H.264 and AAC, copied unless its key frames are rare. */
export async function makeClip(file, { seconds = 4, size = '640x360', rate = 25, hue = 0, keyframesEvery = rate * 2 } = {}) {
  await ffmpeg(
    ...['-f', 'lavfi', '-i', `testsrc2=size=${size}:rate=${rate}:duration=${seconds},hue=h=${hue}`],
    ...['-f', 'lavfi', '-i', `sine=frequency=440:duration=${seconds}`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', String(keyframesEvery), '-c:a', 'aac', '-shortest', file],
  )
  return file
}

/** A clip of at least `bytes`, of noise, in seconds of work: for uploads that take a while. */
export async function makeLargeClip(file, bytes) {
  const seconds = 20
  const rate = Math.ceil(((bytes * 8) / seconds / 1000) * 1.1)
  await ffmpeg(
    ...['-f', 'lavfi', '-i', `nullsrc=size=320x180:rate=25:duration=${seconds},geq=random(1)*255:128:128`],
    ...['-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-g', '50'],
    ...['-b:v', `${rate}k`, '-minrate', `${rate}k`, '-maxrate', `${rate}k`, '-bufsize', `${rate}k`, '-x264-params', 'nal-hrd=cbr', file],
  )
  return file
}

/** 1080p at a steady 5 Mbit/s with an IDR picture every 2 s, in little work: some seconds of it over and over. */
export async function makeSteadyClip(file, { seconds, rate }) {
  const part = `${file}.part.mp4`
  await ffmpeg(
    ...['-f', 'lavfi', '-i', `testsrc2=size=1920x1080:rate=${rate}:duration=20,noise=alls=12:allf=t`],
    ...['-f', 'lavfi', '-i', 'sine=frequency=440:duration=20', '-c:v', 'libx264', '-preset', 'ultrafast', '-pix_fmt', 'yuv420p'],
    ...['-g', String(rate * 2), '-keyint_min', String(rate * 2), '-b:v', '5M', '-minrate', '5M', '-maxrate', '5M', '-bufsize', '5M'],
    ...['-x264-params', 'nal-hrd=cbr', '-c:a', 'aac', '-shortest', part],
  )
  await ffmpeg('-stream_loop', String(Math.ceil(seconds / 20) - 1), '-i', part, '-c', 'copy', '-t', String(seconds), file)
  return file
}
