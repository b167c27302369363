/** The player as wide as the window; kept on this device. */

const KEY = 'clipset.theatre'

function stored(): boolean {
  try {
    return localStorage.getItem(KEY) === 'on'
  } catch {
    return false
  }
}

let on = $state(stored())

export const theatre = {
  get on() {
    return on
  },
}

export function toggleTheatre(): void {
  on = !on
  try {
    localStorage.setItem(KEY, on ? 'on' : 'off')
  } catch {
    // Then it lasts as long as the page.
  }
}
