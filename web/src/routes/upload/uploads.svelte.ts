/** The uploads of this page: Uppy does the sending; this knows what people are shown. */
import AwsS3 from '@uppy/aws-s3'
import Uppy, { type Body, type Meta } from '@uppy/core'
import { Problem, UNREACHABLE, sentence } from '../../api/problem.ts'
import { getVideo } from '../../api/videos.ts'
import { isUnfinished } from '../library/clips.svelte.ts'
import { FULL, abort, begin, complete, parts, patiently, requireReachable, sign } from './companion.ts'
import { Item } from './item.svelte.ts'
import { refusalOf } from './kinds.ts'
import { RememberedUploads, fingerprint, type Remembered } from './remembered.ts'
import { partSize, titleOf } from './titles.ts'

/** Requests at once; a browser has six connections, and the page needs one too. */
const PARALLEL = 4
const RETRY_DELAYS = [0, 1000, 3000, 5000, 10_000, 20_000, 30_000]
/** ms between two looks at a clip that is processed. */
const PACE = 1500

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
      item?.progress(progress.bytesUploaded || 0)
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

  /** Takes files; those whose upload was begun before go on at once. What is nothing to watch is not sent at all. */
  async add(files: Iterable<File>): Promise<Item[]> {
    // The list that an event holds is empty once the event is over.
    const given = [...files]
    const refusals = await Promise.all(given.map(refusalOf))
    const known = new Set(this.items.filter((item) => item.state !== 'failed' && item.state !== 'refused').map((item) => item.print))
    const added: Item[] = []
    for (const [i, file] of given.entries()) {
      const print = fingerprint(file)
      if (known.has(print)) continue
      known.add(print)
      const item = new Item(file, print)
      const refusal = refusals[i]
      if (refusal) Object.assign(item, { state: 'refused', failure: refusal })
      added.push(item)
    }
    const prints = new Set(added.map((item) => item.print))
    this.items = [...this.items.filter((item) => !prints.has(item.print)), ...added]
    await Promise.all(added.filter((item) => this.#remembered.find(item.print)).map((item) => this.#resume(item)))
    return added
  }

  /** Starts everything that was chosen, or of it these. */
  async start(items = this.chosen): Promise<void> {
    // Titles first: numbers go by the list as it is now.
    const chosen = items.filter((item) => item.state === 'chosen').map((item) => ({ item, title: this.title(item) }))
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
    if (item.state !== 'chosen' && item.state !== 'refused') this.#remembered.forget(item.print)
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
