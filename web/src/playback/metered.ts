/** Where bytes cost money, or the viewer asks to save them, nothing is fetched that nobody asked for. */
export function isMetered(): boolean {
  const { connection } = navigator as Navigator & { connection?: { saveData?: boolean; type?: string } }
  return connection?.saveData === true || connection?.type === 'cellular'
}
