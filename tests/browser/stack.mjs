// The whole system as ./local/up starts it, from the debug binaries, in a folder and on a port of its own.
import { execFile, spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

export const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
export const PASSWORD = 'correct horse battery'
export const SIGNING_SECRET = '0123456789abcdef0123456789abcdef'
const SECRET_KEY = "a test's secret key of at least 32 bytes"

const program = join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug/clipset')
export const PAGES = join(root, 'web/dist')

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

/** Starts the system and waits until it answers. `stop()` ends it and everything it started. */
export async function startStack(extra = {}, pages = PAGES) {
  if (!existsSync(program)) throw new Error(`${program} is missing: cargo build --workspace --bins`)
  if (!existsSync(join(pages, 'index.html'))) throw new Error(`${pages} is missing: npm --prefix web run build`)
  // Short: sockets below it have a limit of about 100 characters.
  const folder = mkdtempSync(join(tmpdir(), 'cb-'))
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const data = join(folder, 'd')
  const env = {
    ...process.env,
    CLIPSET_PORT: String(port),
    CLIPSET_DATA: data,
    INITIAL_ADMIN_USERNAME: 'admin',
    INITIAL_ADMIN_PASSWORD: PASSWORD,
    SECRET_KEY,
    HLS_SIGNING_SECRET: SIGNING_SECRET,
    ...extra,
  }
  const child = spawn(program, ['up', '--no-demo', '--pages', pages, '--nginx-dir', join(root, 'nginx')], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (log = (log + chunk).slice(-20_000)))
  const ended = new Promise((resolve) => child.once('exit', resolve))

  const stack = {
    url,
    folder,
    data,
    password: PASSWORD,
    /** The last that the system said. */
    log: () => log,

    async stop() {
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true, force: true })
    },

    /** Runs the `clipset` command against this system. */
    async clipset(...args) {
      const running = run(program, args, {
        env: {
          ...env,
          CLIPSET_SERVER: url,
          CLIPSET_USERNAME: 'admin',
          CLIPSET_PASSWORD: PASSWORD,
          XDG_STATE_HOME: join(folder, 'state'),
        },
      })
      // It would wait for a password there.
      running.child.stdin.end()
      return (await running).stdout
    },

    /** A call of the API as the administrator; gives the document. */
    async api(path, { method = 'GET', body, username = 'admin', password = PASSWORD } = {}) {
      const signedIn = await fetch(`${url}/api/auth/login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ username, password }),
      })
      const { access_token } = await signedIn.json()
      const headers = { Authorization: `Bearer ${access_token}` }
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      const answer = await fetch(url + path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
      if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
      return answer.status === 204 ? null : answer.json()
    },

    /** Uploads a file; gives the short id. */
    async upload(file, title) {
      const told = await stack.clipset('upload', file, ...(title ? ['--title', title] : []))
      const found = /\/v\/([0-9A-Za-z]{10})/.exec(told)
      if (!found) throw new Error(`clipset upload said: ${told}`)
      return found[1]
    },

    /** Waits until a clip plays; gives what stream-info says. */
    async ready(shortId, { seconds = 120 } = {}) {
      const deadline = Date.now() + seconds * 1000
      for (;;) {
        const info = await stack.api(`/api/videos/${shortId}/stream-info`)
        if (info.ready) return info
        if (info.processing_status === 'failed') throw new Error(`the clip failed: ${JSON.stringify(info)}`)
        if (Date.now() > deadline) throw new Error(`not ready within ${seconds} s: ${JSON.stringify(info)}`)
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    },
  }

  const deadline = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the system ended:\n${log}`)
    // The file comes last, when every part answers.
    if (existsSync(join(data, 'run/address')) && JSON.parse(readFileSync(join(data, 'run/address'), 'utf8')).url) {
      const answer = await fetch(`${url}/healthz`).catch(() => null)
      if (answer?.ok) return stack
    }
    if (Date.now() > deadline) {
      await stack.stop()
      throw new Error(`the system did not answer within a minute:\n${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
