import { afterEach, expect, test, vi } from 'vitest'
import { request } from './client.ts'
import { Problem } from './problem.ts'
import { claims, refresh, resume, session } from './session.svelte.ts'

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const jwt = (sub: string, id = '') => `${part({ alg: 'HS256' })}.${part({ sub, role: 'user' })}.${id}`
const pair = (sub: string, id = '') => Response.json({ access_token: jwt(sub, id), expires_in: 3600 })
const refused = (status: number) => Response.json({ detail: 'No.' }, { status })

afterEach(() => vi.unstubAllGlobals())

function server(answer: (path: string, init: RequestInit) => Response | Promise<Response>) {
  const fetched = vi.fn((path: string, init: RequestInit = {}) => Promise.resolve(answer(path, init)))
  vi.stubGlobal('fetch', fetched)
  return fetched
}

test('names of any alphabet are read from a token', () => {
  expect(claims(jwt('grüße'))).toEqual({ username: 'grüße', role: 'user' })
})

test('all who ask for a new token at once wait for one answer', async () => {
  const fetched = server(() => pair('ada'))
  await Promise.all([refresh(), refresh(), refresh()])
  expect(fetched).toHaveBeenCalledTimes(1)
  expect(session.user).toEqual({ username: 'ada', role: 'user' })
})

test('a request that is refused renews the token and is sent once more', async () => {
  server(() => pair('ada', 'old'))
  await refresh()
  const sent: (string | null)[] = []
  server((path, init) => {
    if (path === '/api/auth/refresh') return pair('ada', 'new')
    const bearer = new Headers(init.headers).get('Authorization')
    sent.push(bearer)
    return bearer?.endsWith('.new') ? Response.json({}) : refused(401)
  })
  expect((await request('/api/videos')).status).toBe(200)
  expect(sent).toHaveLength(2)
})

test('a session that has ended is forgotten, one whose server is down is not', async () => {
  server(() => pair('ada'))
  await refresh()
  server(() => refused(503))
  await expect(resume()).rejects.toThrow(Problem)
  expect(session.user?.username).toBe('ada')
  server(() => refused(401))
  await resume()
  expect(session.user).toBeNull()
})
