/** The uploads of this page: Uppy does the sending; this knows what people are shown. */
import AwsS3 from '@uppy/aws-s3'
import Uppy, { type Body, type Meta } from '@uppy/core'
import { Problem, UNREACHABLE, sentence } from '../../api/problem.ts'
import { getVideo, type Video } from '../../api/videos.ts'
import { isUnfinished } from '../library/clips.svelte.ts'
import { FULL, abort, begin, complete, parts, patiently, requireReachable, sign } from './companion.ts'
import { RememberedUploads, fingerprint, type Remembered } from './remembered.ts'
import { partSize, titleOf } from './titles.ts'

/**
 * `chosen`: waits for its title and for the word to start. `checking`: asks the API. `sent`: complete, and processed
 * from here on.
 */
export type State = 'chosen' | 'checking' | 'sending' | 'paused' | 'sent' | 'failed'

/** Requests at once; a browser has six connections, and the page needs one too. */
const PARALLEL = 4
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000]
/** ms between two looks at a clip that is processed. */
const PACE = 1500

export class Item {
  state = $state<State>('chosen')
  /** Typed by hand; else the pattern's. */
  ownTitle = $state<string | null>(null)
  sentBytes = $state(0)
  failure = $state('')
  /** It was begun before, in another tab or another day. */
  resumed = $state(false)
  shortId = $state<string | null>(null)
  /** Once it is complete. */
  video = $state.raw<Video | null>(null)
  /** Bytes of every part but the last, as the API said. */
  partSize = 0
  /** Uppy's id, while it has the file. */
  uppyId: string | null = null

  constructor(
    readonly file: File,
    readonly print: string,
  ) {}

  get isActive(): boolean {
    return this.state === 'checking' || this.state === 'sending' || this.state === 'paused'
  }
}

export class Uploads {
  items = $state.raw<Item[]>([])
  pattern = $state('{name}')
  readonly #remembered: RememberedUploads
  readonly #uppy: Uppy<Meta, Body>

  constructor(username: string) {
    this.#remembered = new RememberedUploads(username)
    this.#uppy = new Uppy<Meta, Body>({ id: 'clipset', autoProceed: false }).use(AwsS3<Meta, Body>, {
      shouldUseMultipart: true,
      limit: PARALLEL,
      retryDelays: RETRY_DELAYS,
      // Uppy hands over the file itself.
      getChunkSize: (data) => this.items.find(({ file }) => data === file)?.partSize ?? partSize(data.size),
      // Every upload is begun before Uppy gets its file: see `#send`.
      createMultipartUpload: () => Promise.reject(new Error('this upload was not begun')),
      listParts: (_file, { uploadId = '', key, signal }) => parts({ uploadId, key }, signal),
      signPart: async (file, { uploadId, key, partNumber, signal }) => {
        const item = this.#itemOf(file.id)
        if (item && (await hasChanged(item.file))) throw this.#changed(item)
        const { url } = await sign({ uploadId, key }, partNumber, signal)
        return { url, method: 'PUT' }
      },
      completeMultipartUpload: (_file, { uploadId, key, parts: sent, signal }) => complete({ uploadId, key }, sent, signal),
      abortMultipartUpload: (_file, { uploadId = '', key }) => abort({ uploadId, key }),
    })
    this.#uppy.on('upload-progress', (file, progress) => {
      const item = this.#itemOf(file?.id)
      if (item) item.sentBytes = progress.bytesUploaded || 0
    })
    this.#uppy.on('upload-success', (file) => {
      const item = this.#itemOf(file?.id)
      if (item) void this.#sent(item)
    })
    this.#uppy.on('upload-error', (file, error) => {
      const item = this.#itemOf(file?.id)
      if (item) void this.#stopped(item, error)
    })
    window.addEventListener('beforeunload', (event) => {
      if (this.items.some((item) => item.isActive)) event.preventDefault()
    })
  }

  get chosen(): Item[] {
    return this.items.filter((item) => item.state === 'chosen')
  }

  get active(): Item[] {
    return this.items.filter((item) => item.isActive)
  }

  title(item: Item): string {
    const chosen = this.chosen
    const number = chosen.indexOf(item) + 1
    return item.ownTitle ?? titleOf(this.pattern, item.file, Math.max(1, number), chosen.length)
  }

  /** Takes files; those whose upload was begun before go on at once. */
  async add(files: Iterable<File>): Promise<void> {
    const known = new Set(this.items.filter((item) => item.state !== 'failed').map((item) => item.print))
    const added: Item[] = []
    for (const file of files) {
      const print = fingerprint(file)
      if (!known.has(print)) added.push(new Item(file, print))
      known.add(print)
    }
    const prints = new Set(added.map((item) => item.print))
    this.items = [...this.items.filter((item) => !prints.has(item.print)), ...added]
    await Promise.all(added.filter((item) => this.#remembered.find(item.print)).map((item) => this.#resume(item)))
  }

  /** Starts everything that was chosen. */
  async start(): Promise<void> {
    // Titles first: numbers go by the list as it is now.
    const chosen = this.chosen.map((item) => ({ item, title: this.title(item) }))
    for (const { item, title } of chosen) {
      item.ownTitle = title
      item.state = 'checking'
    }
    // One after another, so that each is checked against the quota that the ones before left.
    for (const { item, title } of chosen) await this.#begin(item, title)
  }

  pause(item: Item): void {
    if (item.state !== 'sending' || !item.uppyId) return
    this.#uppy.pauseResume(item.uppyId)
    item.state = 'paused'
  }

  resume(item: Item): void {
    if (item.state !== 'paused' || !item.uppyId) return
    this.#uppy.pauseResume(item.uppyId)
    item.state = 'sending'
  }

  retry(item: Item): void {
    item.failure = ''
    if (item.uppyId) {
      item.state = 'sending'
      void this.#uppy.retryUpload(item.uppyId)
    } else {
      item.state = 'checking'
      void (this.#remembered.find(item.print) ? this.#resume(item) : this.#begin(item, this.title(item)))
    }
  }

  /** Takes an item off the list; an upload under way is given up. */
  remove(item: Item): void {
    this.items = this.items.filter((held) => held !== item)
    const remembered = this.#remembered.find(item.print)
    // Uppy gives up what it is sending by itself.
    if (item.uppyId && item.state !== 'sent') this.#uppy.removeFile(item.uppyId)
    if (remembered && item.state === 'failed') void abort(remembered).catch(() => undefined)
    if (item.state !== 'chosen') this.#remembered.forget(item.print)
  }

  #itemOf(uppyId: string | undefined): Item | undefined {
    return this.items.find((item) => item.uppyId !== null && item.uppyId === uppyId)
  }

  async #begin(item: Item, title: string): Promise<void> {
    try {
      const begun = await patiently(() => begin(item.file, title))
      if (!this.items.includes(item)) return void abort(begun)
      await requireReachable(begun).catch((error: unknown) => {
        void abort(begun).catch(() => undefined)
        throw error
      })
      const { uploadId, key, short_id: shortId, part_size: partSize } = begun
      const remembered = { uploadId, key, shortId, partSize, title, begunAt: Date.now() }
      this.#remembered.keep(item.print, remembered)
      this.#send(item, remembered)
    } catch (error) {
      this.#failed(item, error)
    }
  }

  async #resume(item: Item): Promise<void> {
    const found = this.#remembered.find(item.print)
    if (!found) return
    item.state = 'checking'
    try {
      const arrived = await parts(found)
      item.resumed = true
      item.ownTitle = found.title
      item.sentBytes = arrived.reduce((sum, part) => sum + part.Size, 0)
      this.#send(item, found)
    } catch (error) {
      if (error instanceof Problem && (error.status === 404 || error.status === 403)) {
        // Swept, or deleted in the library: a new upload.
        this.#remembered.forget(item.print)
        item.state = 'chosen'
      } else {
        this.#failed(item, error)
      }
    }
  }

  /** Hands the file to Uppy as an upload that goes on: it asks for the parts first, and never aborts on an error. */
  #send(item: Item, { uploadId, key, ...upload }: Remembered): void {
    if (!this.items.includes(item)) return
    item.shortId = upload.shortId
    item.partSize = upload.partSize ?? partSize(item.file.size)
    item.state = 'sending'
    item.uppyId = this.#uppy.addFile({ name: item.file.name, type: item.file.type, data: item.file, source: 'page' })
    this.#uppy.setFileState(item.uppyId, { s3Multipart: { uploadId, key } } as object)
    void this.#uppy.upload().catch(() => undefined)
  }

  /** What was sent of a file that is another one now is of no use. */
  #changed(item: Item): Problem {
    const problem = new Problem(UNREACHABLE, 'The file changed while it was being sent: take it off the list and choose it again.')
    this.#remembered.forget(item.print)
    this.#failed(item, problem)
    // Uppy gives the upload up.
    if (item.uppyId) this.#uppy.removeFile(item.uppyId)
    item.uppyId = null
    return problem
  }

  async #stopped(item: Item, error: unknown): Promise<void> {
    if (await hasChanged(item.file)) this.#changed(item)
    else this.#failed(item, error)
  }

  #failed(item: Item, error: unknown): void {
    item.state = 'failed'
    if (error instanceof Problem) item.failure = sentence(error)
    else if (isFull(error)) item.failure = "The server's disk is full. Try again once there is room: what has arrived stays."
    else item.failure = 'The connection was lost for too long. Try again: what has arrived stays.'
  }

  async #sent(item: Item): Promise<void> {
    this.#remembered.forget(item.print)
    item.state = 'sent'
    item.sentBytes = item.file.size
    while (item.shortId && this.items.includes(item)) {
      item.video = await getVideo(item.shortId).catch(() => item.video)
      if (item.video && !isUnfinished(item.video)) return
      await new Promise((resolve) => setTimeout(resolve, PACE))
    }
  }
}

/** Uppy keeps the answer by which the bucket refused a part. */
const isFull = (error: unknown): boolean =>
  error instanceof Error && 'source' in error && (error.source as XMLHttpRequest | undefined)?.status === FULL

/** A browser refuses to read a file that was written to since it was chosen, or is gone. */
const hasChanged = (file: File): Promise<boolean> =>
  file
    .slice(0, 1)
    .arrayBuffer()
    .then(
      () => false,
      () => true,
    )

let current: { username: string; uploads: Uploads } | null = null

/** Those of this page; they go on while other pages of ours are looked at. */
export function uploadsOf(username: string): Uploads {
  if (current?.username !== username) current = { username, uploads: new Uploads(username) }
  return current.uploads
}
