/** The pictures of a clip in small, from its storyboard: WebVTT whose cues name a part of a sprite. */

import { partOf, type Part } from '../../player/still.ts'

export interface Picture extends Part {
  /** Seconds. */
  start: number
  end: number
}

const seconds = (text: string): number => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)

/** Reads `start --> end` and `url#xywh=x,y,w,h`; cues of another shape are passed over. */
export function parseStoryboard(vtt: string, base: string): Picture[] {
  const pictures: Picture[] = []
  for (const block of vtt.replace(/\r\n?/g, '\n').split(/\n{2,}/)) {
    const times = /^([\d:.]+) --> ([\d:.]+)/m.exec(block)
    const part = partOf(block, base)
    if (!times?.[1] || !times[2] || !part) continue
    pictures.push({ start: seconds(times[1]), end: seconds(times[2]), ...part })
  }
  return pictures
}

/** At most `count` of them, spread over the clip. */
export function spread(pictures: Picture[], count: number): Picture[] {
  if (pictures.length <= count) return pictures
  return Array.from({ length: count }, (_, i) => pictures[Math.floor((i * pictures.length) / count)]).filter(
    (picture) => picture !== undefined,
  )
}
