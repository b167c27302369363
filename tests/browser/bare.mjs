// Pages with nothing but a player, beside ours: what hls.js or the browser alone makes of the same clip.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PAGES, root } from './stack.mjs'

const page = (rest) => `<!doctype html><title>Bare</title><style>video { width: 1280px; height: 720px }</style>
<video controls></video>${rest}`

const HLS = page(`<script src="/bare/hls.light.min.js"></script>
<script>
  const hls = new Hls({ workerPath: '/bare/hls.worker.js' })
  hls.loadSource(decodeURIComponent(location.hash.slice(1)))
  hls.attachMedia(document.querySelector('video'))
</script>`)

const MP4 = page(`<script>
  Object.assign(document.querySelector('video'), { preload: 'auto', src: decodeURIComponent(location.hash.slice(1)) })
</script>`)

/** The pages as they were built, and the bare ones beside them. */
export function pagesWithBare() {
  const folder = mkdtempSync(join(tmpdir(), 'clipset-pages-'))
  cpSync(PAGES, folder, { recursive: true })
  for (const file of ['hls.light.min.js', 'hls.worker.js']) cpSync(join(root, 'web/node_modules/hls.js/dist', file), join(folder, 'bare', file))
  writeFileSync(join(folder, 'bare/hls.html'), HLS)
  writeFileSync(join(folder, 'bare/mp4.html'), MP4)
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) }
}

/** The address of a bare page that plays `url`. */
export const bare = (origin, name, url) => `${origin}/bare/${name}.html#${encodeURIComponent(url)}`

export const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
