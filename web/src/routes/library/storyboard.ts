/** The pictures of a clip in small, from its storyboard: WebVTT whose cues name a part of a sprite. */

export interface Picture {
  /** Seconds. */
  start: number
  end: number
  /** The sprite. */
  url: string
  /** Pixels in the sprite. */
  x: number
  y: number
  width: number
  height: number
}

const seconds = (text: string): number => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0)

/** Reads `start --> end` and `url#xywh=x,y,w,h`; cues of another shape are passed over. */
export function parseStoryboard(vtt: string, base: string): Picture[] {
  const pictures: Picture[] = []
  for (const block of vtt.replace(/\r\n?/g, '\n').split(/\n{2,}/)) {
    const times = /^([\d:.]+) --> ([\d:.]+)/m.exec(block)
    const place = /^(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/m.exec(block)
    if (!times?.[1] || !times[2] || !place?.[1]) continue
    const [x, y, width, height] = place.slice(2).map(Number) as [number, number, number, number]
    const url = new URL(place[1], base).href
    pictures.push({ start: seconds(times[1]), end: seconds(times[2]), url, x, y, width, height })
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
