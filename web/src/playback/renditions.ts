/** The sizes to choose from, as media-chrome looks for them on a video (the proposed `videoRenditions`). */

export interface Rendition {
  id: string
  width: number
  height: number
  /** Bits a second. */
  bitrate: number
}

export class Renditions extends EventTarget {
  /** media-chrome reads it like an array. */
  [place: number]: Rendition

  /** Called with the place in the list, -1 for automatic. */
  onchoose: (index: number) => void = () => undefined

  #list: Rendition[] = []
  #selected = -1

  get length(): number {
    return this.#list.length
  }

  get selectedIndex(): number {
    return this.#selected
  }

  set selectedIndex(index: number) {
    if (index === this.#selected) return
    this.#selected = index
    this.onchoose(index)
    this.dispatchEvent(new Event('change'))
  }

  [Symbol.iterator](): Iterator<Rendition> {
    return this.#list[Symbol.iterator]()
  }

  /** Another stream, another list; what was chosen stays where there is such a height. */
  replace(list: Rendition[]): void {
    const height = this.#list[this.#selected]?.height
    this.#list.forEach((_, place) => Reflect.deleteProperty(this, place))
    this.#list = list.length > 1 ? list : []
    Object.assign(this, this.#list)
    this.#selected = height === undefined ? -1 : this.#list.findIndex((rendition) => rendition.height === height)
    this.dispatchEvent(new Event(this.#list.length > 0 ? 'addrendition' : 'removerendition'))
    this.dispatchEvent(new Event('change'))
    if (this.#selected >= 0) this.onchoose(this.#selected)
  }

  /** The list media-chrome finds on `video`. */
  static on(video: HTMLVideoElement): Renditions {
    const holder = video as HTMLVideoElement & { videoRenditions?: Renditions }
    return (holder.videoRenditions ??= new Renditions())
  }
}
