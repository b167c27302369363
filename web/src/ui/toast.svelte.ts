/** Short messages in a place of their own, where they cover nothing; read aloud. */

export interface Toast {
  id: number
  text: string
  kind: 'plain' | 'bad'
}

/** ms. */
const SHOWN = 6000

let next = 0
let shown = $state.raw<Toast[]>([])

export const toasts = {
  get shown() {
    return shown
  },
}

export function dismiss(id: number): void {
  shown = shown.filter((toast) => toast.id !== id)
}

export function toast(text: string, kind: Toast['kind'] = 'plain'): void {
  const id = next++
  shown = [...shown.slice(-1), { id, text, kind }]
  setTimeout(() => dismiss(id), SHOWN)
}
