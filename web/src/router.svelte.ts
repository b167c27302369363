/** Addresses and pages: plain links, taken over where they lead to a page of ours. */
import type { Component } from 'svelte'

/** What a page is given of its address. */
export type Params = Record<string, string>

export interface Route {
  /** Named groups become the page's `params`. */
  path: RegExp
  /** Loaded when first needed: each page is a chunk of its own. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- pages differ in their params
  load: () => Promise<{ default: Component<any> }>
  /** Who is let in. */
  access: 'anybody' | 'member' | 'admin'
}

export interface Location {
  path: string
  query: URLSearchParams
  hash: string
}

const read = (): Location => ({
  path: window.location.pathname,
  query: new URLSearchParams(window.location.search),
  hash: window.location.hash,
})

let current = $state.raw<Location>(read())

/** Where each entry of the history was left, pixels from the top, by the `key` of its state. */
const left = new Map<string, number>()
let key = keyOf(history.state)
/** Of the entry that back or forward led to; null where a link led. */
let returned: number | null = null

function keyOf(state: unknown): string {
  const held = (state as { key?: string } | null)?.key
  const given = held ?? Math.random().toString(36).slice(2)
  if (!held) history.replaceState({ key: given }, '')
  return given
}

/** Where we are; reactive. */
export const location = {
  get path() {
    return current.path
  },
  get query() {
    return current.query
  },
  get hash() {
    return current.hash
  },
  /** How far down one was here before, pixels, where back or forward has led; else null. */
  get returned() {
    return returned
  },
}

/** Goes to an address of ours. */
export function navigate(to: string, { replace = false } = {}): void {
  const url = new URL(to, window.location.href)
  returned = null
  if (replace) history.replaceState({ key }, '', url)
  else {
    left.set(key, window.scrollY)
    history.pushState(null, '', url)
    key = keyOf(null)
  }
  const same = url.pathname === current.path
  current = read()
  if (!same) window.scrollTo(0, 0)
}

/** The first route of `routes` that the path fits, with its params. */
export function match(routes: Route[], path: string): { route: Route; params: Params } | null {
  for (const route of routes) {
    const found = route.path.exec(path)
    if (found) return { route, params: { ...found.groups } }
  }
  return null
}

/** Whether a click on a link is meant for us: no modifier, same origin, no download, no other window. */
export function isOurs(event: MouseEvent, link: HTMLAnchorElement): boolean {
  return (
    !event.defaultPrevented &&
    event.button === 0 &&
    !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) &&
    link.origin === window.location.origin &&
    !link.hasAttribute('download') &&
    (!link.target || link.target === '_self') &&
    !/^\/(api|s|embed)\//.test(link.pathname) &&
    !(link.hash && link.pathname === window.location.pathname && link.search === window.location.search)
  )
}

/** Takes over links and the browser's own back and forward. */
export function start(): () => void {
  const onClick = (event: MouseEvent) => {
    const link = event.target instanceof Element ? event.target.closest('a') : null
    if (!link?.href || !isOurs(event, link)) return
    event.preventDefault()
    navigate(link.href)
  }
  const onPop = ({ state }: PopStateEvent) => {
    left.set(key, window.scrollY)
    key = keyOf(state)
    returned = left.get(key) ?? null
    current = read()
  }
  document.addEventListener('click', onClick)
  window.addEventListener('popstate', onPop)
  return () => {
    document.removeEventListener('click', onClick)
    window.removeEventListener('popstate', onPop)
  }
}
