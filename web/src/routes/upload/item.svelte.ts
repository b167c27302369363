/** One file on its way, and what people are told of it. */
import type { Video } from '../../api/videos.ts'
import { bytes, lasting } from '../../ui/format.ts'
import { Speed } from './speed.ts'

/**
 * `chosen`: waits for its title and for the word to start. `checking`: asks the API. `sent`: complete, and processed
 * from here on. `refused`: is nothing to watch.
 */
export type State = 'chosen' | 'checking' | 'sending' | 'paused' | 'sent' | 'failed' | 'refused'

export class Item {
  state = $state<State>('chosen')
  /** Typed by hand; else the pattern's. */
  ownTitle = $state<string | null>(null)
  sentBytes = $state(0)
  /** Bytes a second; null while it is not known. */
  speed = $state<number | null>(null)
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
  readonly #speed = new Speed()

  constructor(
    readonly file: File,
    readonly print: string,
  ) {}

  get isActive(): boolean {
    return this.state === 'checking' || this.state === 'sending' || this.state === 'paused'
  }

  /** 0 to 1. */
  get share(): number {
    return this.file.size > 0 ? this.sentBytes / this.file.size : 0
  }

  /** Where it can be watched, from the moment it is begun. */
  get address(): string | null {
    return this.shortId && `${window.location.origin}/v/${this.shortId}`
  }

  /** So many bytes have arrived. */
  progress(sent: number): void {
    this.sentBytes = sent
    this.#speed.note(sent)
    this.speed = this.#speed.perSecond
  }

  /** How it is, in a few words; of what failed, its failure tells. */
  get status(): string {
    switch (this.state) {
      case 'chosen':
        return bytes(this.file.size)
      case 'checking':
        return 'Checking'
      case 'sending':
        return [`${this.resumed ? 'Goes on: ' : ''}${percent(this.share)}`, ...pace(this.speed, this.file.size - this.sentBytes)].join(' · ')
      case 'paused':
        return `Paused at ${percent(this.share)}`
      case 'failed':
      case 'refused':
        return ''
      case 'sent':
        return processed(this.video)
    }
  }
}

export const percent = (share: number): string => `${Math.floor(share * 100)} %`

/** Speed and the time that is left, as far as they are known. */
export const pace = (speed: number | null, left: number): string[] =>
  speed ? [`${bytes(speed)}/s`, `${lasting(left / speed)} left`] : []

function processed(video: Video | null): string {
  switch (video?.processing_status) {
    case 'completed':
      return 'Ready to watch'
    case 'failed':
      return video.error ?? 'This clip could not be processed.'
    case 'processing':
      return `Processing ${percent(video.progress)}`
    default:
      return 'Uploaded, waits for its turn'
  }
}
