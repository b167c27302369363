// @vitest-environment jsdom
import { afterEach, expect, test, vi } from 'vitest'
import { OpenShare } from './open.ts'

const NOW = 1_800_000_000_000
const LIFE = 8

interface Sent {
  path: string
  body: string | null
  credentials: RequestCredentials | undefined
}

/** A share whose `n`th opening gives the token `n`; by the password, or by the cookie where the browser keeps it. */
function shared({ cookies, password }: { cookies: boolean; password: string | null }) {
  vi.useFakeTimers({ now: NOW })
  const sent: Sent[] = []
  let [opened, known] = [0, password === null]
  const answer = (status: number, body: object) =>
    Promise.resolve(new Response(JSON.stringify(body), { status, headers: { Date: new Date(Date.now()).toUTCString() } }))
  vi.stubGlobal('fetch', (path: string, { body, credentials }: RequestInit) => {
    sent.push({ path, body: typeof body === 'string' ? body : null, credentials })
    if (!path.endsWith('/open')) {
      return path.includes(`token=${opened}`) ? answer(200, { ready: true }) : answer(401, { detail: 'It has run out.' })
    }
    const gave = (JSON.parse(String(body)) as { password?: string }).password
    if (!known && gave !== password) return answer(403, { detail: 'It asks for its password.', password_required: true })
    known ||= cookies
    return answer(200, { token: String(++opened), expires: Date.now() / 1000 + LIFE, video: { short_id: 'x' } })
  })
  return { sent, passwords: () => sent.filter(({ body }) => body?.includes('sesame')).length, withdraw: () => (opened += 1) }
}
const ask = (share: OpenShare) => share.streamInfo(new AbortController().signal)
const paths = (sent: Sent[]) => sent.map(({ path }) => path)
const OPEN = '/api/shares/s/open'
const info = (token: number) => `/api/videos/x/stream-info?token=${token}`

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('a token is used for half its life, then the share is opened again', async () => {
  const { sent } = shared({ cookies: false, password: null })
  const share = await OpenShare.open('s', null)
  await ask(share)
  vi.setSystemTime(NOW + 3900)
  await ask(share)
  vi.setSystemTime(NOW + 4100)
  await ask(share)
  expect(paths(sent)).toEqual([OPEN, info(1), info(1), OPEN, info(2)])
})

test('a token that is refused is replaced at once', async () => {
  const { sent, withdraw } = shared({ cookies: false, password: null })
  const share = await OpenShare.open('s', null)
  withdraw()
  await ask(share)
  expect(paths(sent)).toEqual([OPEN, info(1), OPEN, info(3)])
})

test.each([
  { cookies: true, passwords: 1 },
  { cookies: false, passwords: 3 },
])('the password is sent again only where the browser keeps no cookie: $cookies', async ({ cookies, passwords }) => {
  const page = shared({ cookies, password: 'open sesame' })
  await expect(OpenShare.open('s', null)).rejects.toMatchObject({ status: 403 })
  const share = await OpenShare.open('s', 'open sesame')
  for (const life of [1, 2]) {
    vi.setSystemTime(NOW + life * LIFE * 1000)
    await ask(share)
  }
  expect(page.passwords()).toBe(passwords)
  // A member's own session never goes along with what a share's token opens.
  expect(page.sent.filter(({ path }) => path !== OPEN).every(({ credentials }) => credentials === 'omit')).toBe(true)
})
