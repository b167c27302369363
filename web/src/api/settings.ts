/** What administrators choose (contract, section 5). */
import { get, post, request } from './client.ts'
import { Problem } from './problem.ts'
import type { Encoders, Fields, Health, MigrationStatus, SettingsDocument } from './schema.ts'

export type { Encoders, Fields, MigrationStatus, Trouble } from './schema.ts'

/** What may be chosen. */
export type Settings = Omit<SettingsDocument, 'updated_by' | 'updated_at' | 'settings_fallen_back'>

/** The settings with the version that a change must name. */
export interface Held {
  settings: SettingsDocument
  etag: string
}

export const getHealth = (): Promise<Health> => get('/api/config/health')

const held = async (answer: Response): Promise<Held> => ({
  settings: (await answer.json()) as SettingsDocument,
  etag: answer.headers.get('ETag') ?? '',
})

export async function getSettings(): Promise<Held> {
  const answer = await request('/api/config')
  if (!answer.ok) throw await Problem.of(answer)
  return held(answer)
}

/**
 * Changes settings if they are still those of `etag`; else `saved` is false and `held` the newer ones. Damaged ones are
 * replaced only with `replaceDamaged`.
 */
export async function changeSettings(
  change: Partial<Settings>,
  etag: string,
  replaceDamaged = false,
): Promise<{ saved: boolean; held: Held }> {
  const path = replaceDamaged ? '/api/config?replace_damaged=true' : '/api/config'
  const answer = await request(path, { method: 'PATCH', body: change, headers: { 'If-Match': etag } })
  if (!answer.ok && answer.status !== 412) throw await Problem.of(answer)
  return { saved: answer.ok, held: await held(answer) }
}

export const getFields = (): Promise<Fields> => get('/api/config/fields')
export const getEncoders = (): Promise<Encoders> => get('/api/config/encoders')
export const getMigration = (): Promise<MigrationStatus> => get('/api/config/hls-migration-status')

/** Starts, or goes on; failed clips are tried again. */
export const startMigration = (): Promise<unknown> => post('/api/config/hls-migration')

/** What a setting may be, for a form, and a sentence about it. */
export function about(fields: Fields, name: keyof Settings): { help: string; choices: readonly string[]; least?: number; most?: number } {
  const field = fields.fields.find((field) => field.name === name)
  if (!field) return { help: '', choices: [] }
  const { help } = field
  if (field.kind === 'choice') return { help, choices: field.choices }
  return field.kind === 'switch' ? { help, choices: [] } : { help, choices: [], least: field.least, most: field.most }
}

/** `settings` with a field changed: a mode fills its fields, and one of those changed by hand makes the mode custom. */
export function withField<K extends keyof Settings>(settings: Settings, field: K, value: Settings[K], { presets }: Fields): Settings {
  const next = { ...settings, [field]: value }
  if (field === 'transcode_preset_mode') {
    return next.transcode_preset_mode === 'custom' ? next : { ...next, ...presets[next.transcode_preset_mode] }
  }
  return field in presets.balanced ? { ...next, transcode_preset_mode: 'custom' } : next
}

/** The fields that differ. */
export function difference(before: Settings, after: Settings): Partial<Settings> {
  const changed = Object.entries(after).filter(([field, value]) => before[field as keyof Settings] !== value)
  return Object.fromEntries(changed) as Partial<Settings>
}
