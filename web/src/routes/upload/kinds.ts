/** What a file is by its first bytes, as far as that keeps it from being taken: everything else is the server's to judge. */

/** Bytes of the head that are read. */
const HEAD = 1024

const TAKEN = 'Clipset takes videos, sound, and moving GIFs.'

const ascii = (text: string) => [...text].map((letter) => letter.charCodeAt(0))

/** At `at`, these bytes. */
type Mark = [kind: string, at: number, bytes: number[]]

/** Nothing of what is taken begins so. */
const MARKS: Mark[] = [
  ['a PDF document', 0, ascii('%PDF')],
  ['an archive', 0, [0x50, 0x4b, 0x03, 0x04]],
  ['an archive', 0, ascii('Rar!')],
  ['an archive', 0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
  ['an archive', 0, [0x1f, 0x8b]],
  ['a program', 0, ascii('MZ')],
  ['a program', 0, [0x7f, ...ascii('ELF')]],
  ['a picture', 0, [0xff, 0xd8, 0xff]],
  ['a picture', 0, [0x89, ...ascii('PNG')]],
  ['a picture', 0, ascii('II*\0')],
  ['a picture', 0, ascii('MM\0*')],
  ['a picture', 8, ascii('WEBP')],
  ['a picture', 4, ascii('ftypheic')],
  ['a picture', 4, ascii('ftypheix')],
  ['a picture', 4, ascii('ftypmif1')],
  ['a picture', 4, ascii('ftypavif')],
  ['an Office document', 0, [0xd0, 0xcf, 0x11, 0xe0]],
]

/** Whole words of letters and line ends: no container of pictures or sound begins so. */
function isText(head: Uint8Array): boolean {
  try {
    // The last letter may be cut in two.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true })
    // eslint-disable-next-line no-control-regex -- what no text has is looked for
    return text.length > 0 && !/[\0-\x08\x0b\x0e-\x1a\x1c-\x1f]/.test(text)
  } catch {
    return false
  }
}

/** What it is, if that is nothing to watch. */
export function kindOf(head: Uint8Array): string | null {
  const mark = MARKS.find(([, at, bytes]) => bytes.every((byte, i) => head[at + i] === byte))
  return mark?.[0] ?? (isText(head) ? 'a text' : null)
}

/** Why a file cannot be taken, in a sentence; null if nothing speaks against it. */
export async function refusalOf(file: Blob): Promise<string | null> {
  if (file.size === 0) return 'This file is empty.'
  try {
    const kind = kindOf(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()))
    return kind && `This is ${kind}. ${TAKEN}`
  } catch {
    return 'This cannot be read. If it is a folder, choose the files in it.'
  }
}
