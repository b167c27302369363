/** Titles of several files, from one pattern. */

/** `{name}`: the file's name without its ending. `{n}`: its number in the list. `{date}`: the day it was made. */
export function titleOf(pattern: string, file: { name: string; lastModified: number }, number: number, count: number): string {
  const name = file.name.replace(/\.[^.]+$/, '').replace(/[_\s]+/g, ' ').trim() || file.name
  const values: Record<string, string> = {
    name,
    n: String(number).padStart(String(count).length, '0'),
    date: new Date(file.lastModified).toISOString().slice(0, 10),
  }
  const title = pattern.replace(/\{(name|n|date)\}/g, (_, key: string) => values[key] ?? '').trim()
  return (title || name).slice(0, 200)
}

/** Bytes of one part, as it is asked for. Depends on the file's size alone: uploads of before parts were bound go on so. */
export function partSize(size: number): number {
  const MIB = 1 << 20
  const comfortable = size > 512 * MIB ? 16 * MIB : 5 * MIB
  // S3 takes 10,000 parts.
  return Math.max(comfortable, Math.ceil(size / 9_999))
}
