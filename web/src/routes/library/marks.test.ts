import { expect, test } from 'vitest'
import { marked } from './marks.ts'

const shown = (text: string, q: string) => marked(text, q).map(({ text, hit }) => (hit ? `[${text}]` : text)).join('')

test('what was searched for is marked, whatever its case and accents', () => {
  expect(shown('Étude at the lake', 'etude LAKE')).toBe('[Étude] at the [lake]')
  expect(shown('Etude', 'étu')).toBe('[Etu]de')
  expect(shown('Zoe\u0308 and Zoë', 'zoe')).toBe('[Zoe\u0308] and [Zoë]')
  expect(shown('Clip 1', '')).toBe('Clip 1')
})

test('marks stand in the right place behind what is more than one unit', () => {
  expect(shown('🏔️ hill 𝔘p', 'hill')).toBe('🏔️ [hill] 𝔘p')
  expect(shown('𝔘p the hill', 'the')).toBe('𝔘p [the] hill')
})
