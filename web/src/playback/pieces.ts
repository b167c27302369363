/** A playlist in which a segment stands as the pieces that it can be played from, so that a seek loads what it needs. */

const TAG = '#EXT-X-CLIPSET-PIECES:'

interface Piece {
  /** Seconds. */
  duration: number
  bytes: number
}

function read(line: string): Piece[] {
  const pieces = line.slice(TAG.length).split(',')
  return pieces.map((piece) => {
    const [duration, bytes] = piece.split('/').map(Number)
    return { duration: duration ?? NaN, bytes: bytes ?? NaN }
  })
}

/**
 * The same playlist with the segments that name their pieces (contract, section 3) written out as those. The segment that
 * play begins in, at `start` seconds, stays whole: hls.js sets its clock by what it loads first, and sound that stands before
 * a piece's first picture would set it wrong.
 */
export function inPieces(text: string, start: number): string {
  const lines: string[] = []
  let [at, duration] = [0, 0]
  let pieces: Piece[] = []
  for (const line of text.split(/\r?\n/)) {
    if (line.startsWith(TAG)) {
      pieces = read(line)
    } else if (line.startsWith('#EXTINF:')) {
      duration = parseFloat(line.slice('#EXTINF:'.length))
      lines.push(line)
    } else if (line === '' || line.startsWith('#')) {
      lines.push(line)
    } else {
      const begins = at <= start && start < at + duration
      const sound = pieces.every((piece) => piece.duration > 0 && piece.bytes > 0)
      if (pieces.length > 1 && sound && !begins) {
        lines.pop()
        lines.push(...written(pieces, line))
      } else {
        lines.push(line)
      }
      at += duration
      pieces = []
    }
  }
  return lines.join('\n')
}

function written(pieces: Piece[], address: string): string[] {
  let offset = 0
  return pieces.flatMap(({ duration, bytes }) => {
    const lines = [`#EXTINF:${duration.toFixed(6)},`, `#EXT-X-BYTERANGE:${bytes}@${offset}`, address]
    offset += bytes
    return lines
  })
}
