// @vitest-environment jsdom
import { expect, test } from 'vitest'
import { isOurs, match } from './router.svelte.ts'
import { routes } from './routes/index.ts'

test('every address has a page, and its parts become params', () => {
  expect(match(routes, '/v/aB3dE6gH9j')?.params).toEqual({ shortId: 'aB3dE6gH9j' })
  expect(match(routes, '/admin/users')?.params).toEqual({ section: 'users' })
  expect(match(routes, '/reset')?.params).toEqual({ kind: 'reset' })
  expect(match(routes, '/v/short')?.route).toBe(routes.at(-1))
})

test('links to files, to other sites and in new windows are left to the browser', () => {
  const click = (html: string, init: MouseEventInit = {}) => {
    document.body.innerHTML = html
    const link = document.querySelector('a')
    return link !== null && isOurs(new MouseEvent('click', init), link)
  }
  expect(click('<a href="/upload">x</a>')).toBe(true)
  expect(click('<a href="/upload">x</a>', { ctrlKey: true })).toBe(false)
  expect(click('<a href="/upload" target="_blank">x</a>')).toBe(false)
  expect(click('<a href="/api/videos/x/original" download>x</a>')).toBe(false)
  expect(click('<a href="/s/abc">x</a>')).toBe(false)
  expect(click('<a href="https://elsewhere.example/">x</a>')).toBe(false)
})
