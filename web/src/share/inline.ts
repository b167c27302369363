/** What the page of a share without a password holds for its player, so that nothing need be asked for. */
import type { OpenedShare, StreamInfo } from '../api/schema.ts'

export interface Inline {
  /** When it was written by the server's clock, ms. */
  at: number
  opened: OpenedShare
  stream_info: StreamInfo
}

export function inline(): Inline | null {
  const text = document.getElementById('opened')?.textContent
  return text ? (JSON.parse(text) as Inline) : null
}
