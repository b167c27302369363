import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { areas, words, type Description } from './description.ts'

const description = JSON.parse(readFileSync('../functions/api/openapi.json', 'utf8')) as Description

test('every call of the description is in one area', () => {
  const calls = areas(description).flatMap(([, calls]) => calls)
  const paths = Object.values(description.paths).flatMap((methods) => Object.keys(methods))
  expect(calls).toHaveLength(paths.length)
  expect(areas(description).map(([area]) => area)).toContain('Uploads')
})

test('schemas are told in a few words', () => {
  expect(words({ $ref: '#/components/schemas/Video' })).toBe('Video')
  expect(words({ type: 'array', items: { type: ['integer', 'null'], minimum: 1 } })).toBe('integer | null 1…[]')
  expect(words({ enum: ['hls', 'progressive'] })).toBe('"hls" | "progressive"')
})
