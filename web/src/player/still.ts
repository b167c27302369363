/** Where in a sprite the storyboard's picture of a time is (Media Fragments URI 1.0 §4.2.2). */

export interface Part {
  /** Of the sprite. */
  url: string
  /** Pixels in the sprite. */
  x: number
  y: number
  width: number
  height: number
}

type Cue = Pick<VTTCue, 'startTime' | 'endTime' | 'text'>

/** What a cue says. */
export function partOf(text: string, base: string): Part | null {
  const found = /^(\S+)#xywh=(\d+),(\d+),(\d+),(\d+)$/m.exec(text)
  if (!found?.[1]) return null
  const [x, y, width, height] = found.slice(2).map(Number) as [number, number, number, number]
  return { url: new URL(found[1], base).href, x, y, width, height }
}

export function pictureAt(cues: Cue[], base: string, time: number): Part | null {
  const cue = cues.find(({ startTime, endTime }) => startTime <= time && time < endTime)
  return cue ? partOf(cue.text, base) : null
}
