/** Calls of the HTTP API (contract, section 2). */
import { Problem } from './problem.ts'
import { renewed, token } from './session.svelte.ts'

export interface Call {
  method?: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Sent as JSON. */
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal | undefined
}

async function once(path: string, call: Call, bearer: string | null): Promise<Response> {
  const headers = new Headers(call.headers)
  if (bearer) headers.set('Authorization', `Bearer ${bearer}`)
  const init: RequestInit = { method: call.method ?? 'GET', headers }
  if (call.signal) init.signal = call.signal
  if (call.body !== undefined) {
    headers.set('Content-Type', 'application/json')
    init.body = JSON.stringify(call.body)
  }
  try {
    return await fetch(path, init)
  } catch (error) {
    if (call.signal?.aborted) throw error
    throw Problem.unreachable()
  }
}

/**
 * The answer, whatever its status but 401: a token that has run out is renewed, once.
 *
 * @throws {Problem} if nothing answers, or nobody is signed in any more.
 */
export async function request(path: string, call: Call = {}): Promise<Response> {
  const bearer = await token()
  const answer = await once(path, call, bearer)
  if (answer.status !== 401) return answer
  return once(path, call, await renewed(bearer))
}

/**
 * The document of an answer.
 *
 * @throws {Problem} for anything but a success.
 */
export async function json<T>(path: string, call: Call = {}): Promise<T> {
  const answer = await request(path, call)
  if (!answer.ok) throw await Problem.of(answer)
  return (answer.status === 204 ? undefined : await answer.json()) as T
}

export const get = <T>(path: string, signal?: AbortSignal): Promise<T> => json<T>(path, { signal })
export const post = <T>(path: string, body?: unknown): Promise<T> => json<T>(path, { method: 'POST', body })
export const patch = <T>(path: string, body: unknown): Promise<T> => json<T>(path, { method: 'PATCH', body })
export async function remove(path: string): Promise<void> {
  await json<unknown>(path, { method: 'DELETE' })
}

/** An address of media with the token that opens it: never the user's own. */
export const withToken = (url: string, playbackToken: string): string =>
  `${url}?token=${encodeURIComponent(playbackToken)}`
