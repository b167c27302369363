import { createRequire } from 'node:module'
import { expect, test } from 'vitest'
import { hashOf, policy, shadowStyles } from './csp.ts'

test('the policy allows no inline code, and uploads only to where they go', () => {
  const own = policy([])
  expect(own).toContain("default-src 'self'; style-src 'self'; ")
  expect(own).toContain("connect-src 'self';")
  expect(own).not.toContain('unsafe')
  expect(policy([], 'https://clips.s3.eu-central-1.amazonaws.com/x?y')).toContain(
    "connect-src 'self' https://clips.s3.eu-central-1.amazonaws.com;",
  )
})

test('a style is named by its hash', () => {
  // printf 'a{}' | openssl dgst -sha256 -binary | base64
  expect(hashOf('a{}')).toBe("'sha256-X1RutGBrXCt9KkSaXMK7tHftWiRscFHOhxsS8tv8hBk='")
})

test('the styles of the controls are found in the library itself', async () => {
  const module = createRequire(import.meta.url).resolve('media-chrome').replace('/cjs/index.js', '/media-play-button.js')
  const hashes = await shadowStyles([module])
  expect(hashes.length).toBeGreaterThanOrEqual(3)
  expect(hashes.every((hash) => /^'sha256-[A-Za-z0-9+/]{43}='$/.test(hash))).toBe(true)
})
