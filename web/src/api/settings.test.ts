import { expect, test } from 'vitest'
import { difference, withField, type Settings } from './settings.ts'

const settings = { transcode_preset_mode: 'balanced', cpu_crf: 18, cpu_preset: 'medium', keep_originals: true } as Settings

test('a preset fills its fields', () => {
  expect(withField(settings, 'transcode_preset_mode', 'quality')).toMatchObject({ cpu_crf: 16, cpu_preset: 'slow', max_resolution: '4k' })
})

test('a filled field changed by hand makes the mode custom, another does not', () => {
  expect(withField(settings, 'cpu_crf', 30).transcode_preset_mode).toBe('custom')
  expect(withField(settings, 'keep_originals', false).transcode_preset_mode).toBe('balanced')
  expect(withField(settings, 'transcode_preset_mode', 'custom')).toMatchObject({ cpu_crf: 18 })
})

test('only what differs is sent', () => {
  expect(difference(settings, { ...settings, cpu_crf: 20 })).toEqual({ cpu_crf: 20 })
})
