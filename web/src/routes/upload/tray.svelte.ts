/** The uploads as every page sees them. The code that sends comes when there is something to send. */
import { session } from '../../api/session.svelte.ts'
import { RememberedUploads, type Remembered } from './remembered.ts'
import type { Uploads } from './uploads.svelte.ts'

export type Interrupted = Remembered & { print: string; name: string }

let uploads = $state.raw<Uploads | null>(null)
let remembered = $state.raw<Interrupted[]>([])

export const tray = {
  /** Null while nothing was chosen yet. */
  get uploads() {
    return uploads
  },
  /** Begun on this device, by another page than this one: the files are to be chosen again. */
  get interrupted() {
    const listed = new Set(uploads?.items.map((item) => item.print))
    return remembered.filter(({ print }) => !listed.has(print))
  },
}

const mine = () => new RememberedUploads(session.user?.username ?? '')

/** Looks what this device remembers. */
export function recall(): void {
  remembered = session.user ? mine().all() : []
}

/** The uploads, with the code that sends them. */
export async function ready(): Promise<Uploads> {
  const { uploadsOf } = await import('./uploads.svelte.ts')
  return (uploads = uploadsOf(session.user?.username ?? ''))
}

/** Takes files; `start` begins to send them at once, under their own names. */
export async function take(files: Iterable<File>, start: boolean): Promise<void> {
  // What an event holds is gone once the event is over.
  const given = [...files]
  const into = await ready()
  const added = await into.add(given)
  if (start) await into.start(added)
}

/** Gives up what was begun. */
export async function giveUp(upload: Interrupted): Promise<void> {
  const { abort } = await import('./companion.ts')
  mine().forget(upload.print)
  recall()
  // Where it is not there any more, nothing is to be done.
  await abort(upload).catch(() => undefined)
}
