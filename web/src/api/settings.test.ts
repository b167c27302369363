import { expect, test } from 'vitest'
import { about, difference, withField, type Fields, type Settings } from './settings.ts'

const settings = { transcode_preset_mode: 'balanced', cpu_crf: 18, cpu_preset: 'medium', keep_originals: true } as Settings

const fields: Fields = {
  fields: [
    { name: 'cpu_crf', help: 'Lower is better.', kind: 'whole', least: 0, most: 51, optional: false, preset: true },
    { name: 'cpu_preset', help: '', kind: 'choice', choices: ['medium', 'slow'], optional: false, preset: true },
  ],
  presets: { quality: { cpu_crf: 16, cpu_preset: 'slow' }, balanced: { cpu_crf: 18, cpu_preset: 'medium' }, performance: {} },
}

test('bounds and help are those of the table', () => {
  expect(about(fields, 'cpu_crf')).toEqual({ help: 'Lower is better.', choices: [], least: 0, most: 51 })
  expect(about(fields, 'cpu_preset').choices).toEqual(['medium', 'slow'])
})

test('a preset fills its fields', () => {
  expect(withField(settings, 'transcode_preset_mode', 'quality', fields)).toMatchObject({ cpu_crf: 16, cpu_preset: 'slow' })
})

test('a filled field changed by hand makes the mode custom, another does not', () => {
  expect(withField(settings, 'cpu_crf', 30, fields).transcode_preset_mode).toBe('custom')
  expect(withField(settings, 'keep_originals', false, fields).transcode_preset_mode).toBe('balanced')
  expect(withField(settings, 'transcode_preset_mode', 'custom', fields)).toMatchObject({ cpu_crf: 18 })
})

test('only what differs is sent', () => {
  expect(difference(settings, { ...settings, cpu_crf: 20 })).toEqual({ cpu_crf: 20 })
})
