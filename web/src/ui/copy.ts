/** Copies text. */

/**
 * Text that is still to come is promised to the clipboard at once: Safari takes nothing later than the press. The clipboard
 * is for secure pages only, and a home network's address is none: then the old way.
 */
export async function copyText(text: string | Promise<string>): Promise<boolean> {
  const blob = Promise.resolve(text).then((told) => new Blob([told], { type: 'text/plain' }))
  // What it fails by is told below.
  blob.catch(() => undefined)
  const copied = await navigator.clipboard?.write([new ClipboardItem({ 'text/plain': blob })]).then(
    () => true,
    () => false,
  )
  const told = await text
  return copied || (await navigator.clipboard?.writeText(told).then(() => true, () => false)) || oldWay(told)
}

function oldWay(text: string): boolean {
  const field = document.createElement('textarea')
  field.value = text
  // In an open dialog: what lies under it cannot be selected.
  const place = document.querySelector('dialog[open]') ?? document.body
  place.append(field)
  field.select()
  const done = document.execCommand('copy')
  field.remove()
  return done
}
