/** The player's keys. */
import type { MediaController } from './controls.ts'
import type { Frames } from './frames.ts'

/** What media-chrome understands by itself; the rest is ours. */
const ITS_OWN = new Set([' ', 'k', 'm', 'f', 'j', 'l', 'p', '<', '>', 'ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown'])

export interface Keyed {
  video: HTMLVideoElement
  controller: MediaController
  frames: Frames
  /** There is no theatre everywhere. */
  theatre?: (() => void) | undefined
  /** One goes from picture to picture. */
  onstep: () => void
}

/** Keys work wherever the focus is, except where it is on something that has a use for them. */
export function onKey(event: KeyboardEvent, { video, controller, frames, theatre, onstep }: Keyed): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  const target = event.target
  if (!(target instanceof HTMLElement)) return
  const inPlayer = controller.contains(target)
  if (!inPlayer && target !== document.body && target.id !== 'main') return
  const { key } = event
  const step = (steps: -1 | 1) => {
    onstep()
    frames.step(steps)
  }
  const own: Record<string, (() => void) | undefined> = {
    t: theatre,
    ',': () => step(-1),
    '.': () => step(1),
    Home: () => (video.currentTime = 0),
    End: () => (video.currentTime = video.duration || 0),
  }
  if (/^[0-9]$/.test(key) && video.duration) video.currentTime = (video.duration * Number(key)) / 10
  else if (own[key]) own[key]()
  // What has the focus in the player goes to media-chrome by itself.
  else if (!inPlayer && ITS_OWN.has(key)) controller.keyboardShortcutHandler(event)
  else return
  event.preventDefault()
}
