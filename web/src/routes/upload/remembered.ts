/** Uploads that were begun on this device, so that the same file chosen again goes on where it stopped. */

export interface Remembered {
  uploadId: string
  key: string
  shortId: string
  title: string
  /** Bytes of every part but the last; not there for an upload that was begun before this was said. */
  partSize?: number
  /** Unix time in ms. */
  begunAt: number
}

/** After so long the parts of an upload may have been swept, ms. */
const LIFE = 7 * 24 * 3600 * 1000

/** The same for the same file chosen again; its bytes are not read. */
export const fingerprint = (file: { name: string; size: number; lastModified: number }): string =>
  `${file.name}|${file.size}|${file.lastModified}`

/** The uploads of one member. */
export class RememberedUploads {
  readonly #key: string
  readonly #storage: Pick<Storage, 'getItem' | 'setItem'>

  constructor(username: string, storage: Pick<Storage, 'getItem' | 'setItem'> = localStorage) {
    this.#key = `clipset.uploads.${username}`
    this.#storage = storage
  }

  find(print: string, now = Date.now()): Remembered | null {
    const found = this.#read()[print]
    return found && now - found.begunAt < LIFE ? found : null
  }

  /** All of them, with the names of their files. */
  all(now = Date.now()): (Remembered & { print: string; name: string })[] {
    return Object.entries(this.#read())
      .filter(([, { begunAt }]) => now - begunAt < LIFE)
      .map(([print, upload]) => ({ ...upload, print, name: print.replace(/\|\d+\|\d+$/, '') }))
  }

  keep(print: string, upload: Remembered, now = Date.now()): void {
    const held = Object.entries(this.#read()).filter(([, { begunAt }]) => now - begunAt < LIFE)
    this.#write({ ...Object.fromEntries(held), [print]: upload })
  }

  forget(print: string): void {
    this.#write(Object.fromEntries(Object.entries(this.#read()).filter(([key]) => key !== print)))
  }

  // Another tab writes too, so nothing is held in memory. Storage that is forbidden or broken remembers nothing.
  #read(): Record<string, Remembered> {
    try {
      const value: unknown = JSON.parse(this.#storage.getItem(this.#key) ?? '{}')
      return typeof value === 'object' && value !== null ? (value as Record<string, Remembered>) : {}
    } catch {
      return {}
    }
  }

  #write(uploads: Record<string, Remembered>): void {
    try {
      this.#storage.setItem(this.#key, JSON.stringify(uploads))
    } catch {
      // See above.
    }
  }
}
