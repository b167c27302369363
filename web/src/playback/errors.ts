/** Why a video does not play: stable codes, each with a sentence for the viewer. */

export const SENTENCES = {
  offline: 'You are offline. The video goes on as soon as there is a connection.',
  unreachable: 'The server does not answer. Check your connection and try again.',
  server: 'The server has trouble at the moment. Try again in a little while.',
  'signed-out': 'Your session has ended. Reload the page and sign in again.',
  'not-allowed': 'You are not allowed to watch this video.',
  'not-found': 'This video is not here any more, or is not shared with you.',
  'not-ready': 'This video is still being prepared.',
  refused: 'The video files were refused, although the page may show them. Try again in a little while.',
  media: 'Your browser could not play this video. Try again, or use another browser.',
} as const

export type PlaybackCode = keyof typeof SENTENCES

export class PlaybackError extends Error {
  override name = 'PlaybackError'

  constructor(readonly code: PlaybackCode) {
    super(SENTENCES[code])
  }
}

/** The code for an HTTP status; 0 stands for no answer. */
export function codeOf(status: number): PlaybackCode {
  if (status === 0) return navigator.onLine ? 'unreachable' : 'offline'
  if (status === 401) return 'signed-out'
  if (status === 403) return 'not-allowed'
  if (status === 404 || status === 410) return 'not-found'
  return 'server'
}

/** Of anything thrown while asking: what has a `status` tells by it, all else is no answer. */
export function errorOf(thrown: unknown): PlaybackError {
  if (thrown instanceof PlaybackError) return thrown
  const status = typeof thrown === 'object' && thrown !== null && 'status' in thrown ? Number(thrown.status) : 0
  return new PlaybackError(codeOf(status))
}
