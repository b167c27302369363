/** Where a text has the words that were searched for, whatever their case and accents. */

const fold = (text: string): string => text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase()

export interface Piece {
  text: string
  hit: boolean
}

/** The text in pieces, in order. */
export function marked(text: string, q: string): Piece[] {
  const words = fold(q).split(/\s+/).filter(Boolean)
  const letters = [...text]
  const folded = letters.map(fold)
  // A letter may fold to several, or to none: of each place in the folded text, which letter it comes from.
  const from = folded.flatMap((letter, i) => Array.from({ length: letter.length }, () => i))
  const whole = folded.join('')
  const hits = new Set<number | undefined>()
  for (const word of words) {
    for (let at = whole.indexOf(word); at >= 0; at = whole.indexOf(word, at + 1)) {
      for (let place = at; place < at + word.length; place++) hits.add(from[place])
    }
  }
  // An accent of its own goes with its letter.
  folded.forEach((letter, i) => letter === '' && hits.has(i - 1) && hits.add(i))
  const pieces: Piece[] = []
  letters.forEach((letter, i) => {
    const hit = hits.has(i)
    const last = pieces.at(-1)
    if (last?.hit === hit) last.text += letter
    else pieces.push({ text: letter, hit })
  })
  return pieces
}
