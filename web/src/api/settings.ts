/** What administrators choose (contract, section 5). */
import { get, post, request } from './client.ts'
import { Problem } from './problem.ts'

export interface Settings {
  video_output_format: 'hls' | 'progressive'
  renditions: 'ladder' | 'single'
  transcode_preset_mode: 'quality' | 'balanced' | 'performance' | 'custom'
  use_gpu_transcoding: boolean
  gpu_device_id: number
  nvenc_preset: string
  nvenc_cq: number
  nvenc_rate_control: 'vbr' | 'cbr' | 'constqp'
  nvenc_max_bitrate: string
  nvenc_buffer_size: string
  cpu_preset: string
  cpu_crf: number
  max_resolution: '720p' | '1080p' | '1440p' | '4k'
  audio_bitrate: string
  keep_originals: boolean
  progressive_fallback: boolean
  max_file_size_bytes: number
  weekly_upload_limit_bytes: number
  /** Clips are deleted so many days after their upload, unless they have a time of their own; null: never. */
  expire_after_days: number | null
}

export interface SettingsDocument extends Settings {
  updated_by: string | null
  updated_at: string | null
  /** What is stored is damaged: these are the last good ones, or the defaults. */
  settings_fallen_back: boolean
}

/** The settings with the version that a change must name. */
export interface Held {
  settings: SettingsDocument
  etag: string
}

export interface Encoders {
  gpu_available: boolean
  gpu_name: string | null
  encoders: string[]
}

export interface MigrationStatus {
  is_running: boolean
  total: number
  completed: number
  current_video: string | null
  errors: string[]
}

/** Something that an administrator should know. */
export interface Trouble {
  code: string
  /** A sentence that says what to do. */
  message: string
}

export interface Health {
  healthy: boolean
  problems: Trouble[]
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

export const getEncoders = (): Promise<Encoders> => get('/api/config/encoders')
export const getMigration = (): Promise<MigrationStatus> => get('/api/config/hls-migration-status')

/** Starts, or goes on; failed clips are tried again. The single files may go some days after. */
export const startMigration = (expireAfterDays: number | null): Promise<unknown> =>
  post('/api/config/hls-migration', expireAfterDays === null ? {} : { expire_after_days: expireAfterDays })

/** What each mode fills in. */
const PRESETS: Record<Exclude<Settings['transcode_preset_mode'], 'custom'>, Partial<Settings>> = {
  quality: { nvenc_preset: 'p6', nvenc_cq: 16, nvenc_max_bitrate: '15M', nvenc_buffer_size: '30M', cpu_preset: 'slow', cpu_crf: 16, max_resolution: '4k', audio_bitrate: '256k' },
  balanced: { nvenc_preset: 'p4', nvenc_cq: 18, nvenc_max_bitrate: '8M', nvenc_buffer_size: '16M', cpu_preset: 'medium', cpu_crf: 18, max_resolution: '1080p', audio_bitrate: '192k' },
  performance: { nvenc_preset: 'p2', nvenc_cq: 23, nvenc_max_bitrate: '5M', nvenc_buffer_size: '10M', cpu_preset: 'fast', cpu_crf: 23, max_resolution: '1080p', audio_bitrate: '128k' },
}

/** `settings` with a field changed: a mode fills its fields, and one of those changed by hand makes the mode custom. */
export function withField<K extends keyof Settings>(settings: Settings, field: K, value: Settings[K]): Settings {
  const next = { ...settings, [field]: value }
  if (field === 'transcode_preset_mode') {
    return next.transcode_preset_mode === 'custom' ? next : { ...next, ...PRESETS[next.transcode_preset_mode] }
  }
  return field in PRESETS.balanced ? { ...next, transcode_preset_mode: 'custom' } : next
}

/** The fields that differ. */
export function difference(before: Settings, after: Settings): Partial<Settings> {
  const changed = Object.entries(after).filter(([field, value]) => before[field as keyof Settings] !== value)
  return Object.fromEntries(changed) as Partial<Settings>
}
