/** The bytes of segments as they come: each is fetched once, whoever reads it and from wherever in it. */

/** A segment to be had: where, and from which byte on. */
export interface Wanted {
  url: string
  from: number
}

/** Says that a file did not come; `status` 0 where nothing answered. */
export class NotServed extends Error {
  override name = 'NotServed'

  constructor(
    readonly status: number,
    readonly response: Response | null,
  ) {
    super(String(status))
  }
}

/** One fetch, from a byte of a segment to its end. */
export class Download {
  /** The first byte that it holds, which is 0 where the server knows no ranges. */
  from: number
  /** The byte after the last that came. */
  to: number
  ended = false
  failure: NotServed | null = null
  response: Response | null = null
  /** ms, when it was asked for. */
  readonly begun = performance.now()
  readonly #chunks: { at: number; bytes: Uint8Array; came: number }[] = []
  readonly #stop = new AbortController()
  readonly #readers = new Set<() => void>()

  constructor(
    readonly path: string,
    wanted: Wanted,
    newest: (url: string) => Promise<string>,
  ) {
    this.from = this.to = wanted.from
    void this.#run(wanted, newest)
  }

  /** Whether `from` is in what it holds or will hold. */
  covers(from: number): boolean {
    return !this.failure && this.from <= from && (from < this.to || (!this.ended && from <= this.to))
  }

  /** Calls `reader` now and at each change; gives what ends that. */
  follow(reader: () => void): () => void {
    this.#readers.add(reader)
    queueMicrotask(() => this.#readers.has(reader) && reader())
    return () => this.#readers.delete(reader)
  }

  get followed(): boolean {
    return this.#readers.size > 0
  }

  /** A copy of the bytes from `from` up to `to`, as far as they have come. */
  bytes(from: number, to: number): Uint8Array<ArrayBuffer> {
    const copy = new Uint8Array(Math.max(0, Math.min(to, this.to) - from))
    for (const { at, bytes } of this.#chunks) {
      if (at + bytes.length <= from || at >= from + copy.length) continue
      const begin = Math.max(0, from - at)
      copy.set(bytes.subarray(begin, from + copy.length - at), at + begin - from)
    }
    return copy
  }

  /** When byte `place` came, ms. */
  cameAt(place: number): number {
    return this.#chunks.find(({ at, bytes }) => place < at + bytes.length)?.came ?? performance.now()
  }

  stop(): void {
    if (this.ended || this.failure) return
    this.#end(new NotServed(0, null))
    this.#stop.abort()
  }

  async #run({ url, from }: Wanted, newest: (url: string) => Promise<string>): Promise<void> {
    try {
      const address = await newest(url)
      const init: RequestInit = { signal: this.#stop.signal, credentials: 'same-origin' }
      if (from > 0) init.headers = { Range: `bytes=${from}-` }
      const answer = await fetch(address, init)
      this.response = answer
      if (!answer.ok || !answer.body) return this.#end(new NotServed(answer.status, answer))
      if (from > 0 && answer.status !== 206) this.from = this.to = 0
      const reader = answer.body.getReader()
      for (;;) {
        const { done, value } = await reader.read()
        if (done) break
        this.#chunks.push({ at: this.to, bytes: value, came: performance.now() })
        this.to += value.length
        this.#tell()
      }
      this.#end(null)
    } catch {
      this.#end(new NotServed(0, this.response))
    }
  }

  #end(failure: NotServed | null): void {
    if (this.ended) return
    this.ended = true
    this.failure = failure
    this.#tell()
  }

  #tell(): void {
    for (const reader of this.#readers) reader()
  }
}

/** Finished downloads that are kept for whoever comes back to them. */
const KEPT = 3

export class Segments {
  #downloads: Download[] = []
  #ahead: { download: Download; release: () => void } | null = null

  constructor(private readonly newest: (url: string) => Promise<string>) {}

  /** The download that holds byte `from` of a segment on; it is begun where there is none. */
  open(wanted: Wanted): Download {
    const path = new URL(wanted.url, location.href).pathname
    const known = this.#downloads.find((download) => download.path === path && download.covers(wanted.from))
    const download = known ?? new Download(path, wanted, this.newest)
    this.#keep(download)
    return download
  }

  /** Fetches one ahead, in the place of the last: somebody may soon ask for it. */
  fetchAhead(wanted: Wanted | null): void {
    const before = this.#ahead
    const next = wanted && this.open(wanted)
    this.#ahead = next && { download: next, release: next.follow(() => undefined) }
    before?.release()
    if (before && before.download !== next && !before.download.followed) before.download.stop()
  }

  /** Ends what nobody follows any more, but for `except`. */
  drop(except?: Download): void {
    for (const download of this.#downloads) if (download !== except && !download.followed) download.stop()
    this.#downloads = this.#downloads.filter((download) => !download.failure)
  }

  destroy(): void {
    for (const download of this.#downloads) download.stop()
    this.#downloads = []
  }

  /** Newest first. */
  #keep(download: Download): void {
    const others = this.#downloads.filter((other) => other !== download && !other.failure)
    const [busy, idle] = [others.filter((other) => !other.ended), others.filter((other) => other.ended)]
    this.#downloads = [download, ...busy, ...idle.slice(0, KEPT)]
  }
}
