/** Light, dark, or what the system prefers; kept on this device. */

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'clipset.theme'

/** Storage may be forbidden; then the choice lasts as long as the page. */
function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY)
    return value === 'light' || value === 'dark' ? value : 'system'
  } catch {
    return 'system'
  }
}

let chosen = $state<Theme>(stored())

export const theme = {
  get chosen() {
    return chosen
  },
}

export function applyTheme(): void {
  if (chosen === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = chosen
}

export function chooseTheme(next: Theme): void {
  chosen = next
  applyTheme()
  try {
    localStorage.setItem(KEY, next)
  } catch {
    // See above.
  }
}
