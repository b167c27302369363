// The plain page: sign in, the latest clips at /, one clip at /v/{short_id}.

const byId = (id) => document.getElementById(id)
const shortId = /^\/v\/([0-9A-Za-z]{10})\/?$/.exec(location.pathname)?.[1]

// In memory only: a reload gets a new one by the session's cookie.
let accessToken = null

// What a person can do something about, in the server's words.
class Failure extends Error {
  constructor(status, detail) {
    super(detail)
    this.status = status
  }
}

async function send(method, path, body) {
  const headers = {}
  if (accessToken) headers.Authorization = `Bearer ${accessToken}`
  if (body) headers['Content-Type'] = 'application/json'
  let answer
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body) })
  } catch {
    throw new Failure(0, 'The server does not answer. Is it running?')
  }
  const document = await answer.json().catch(() => null)
  if (!answer.ok) throw new Failure(answer.status, document?.detail ?? `The server answered ${answer.status}.`)
  return document
}

async function refresh() {
  accessToken = null
  accessToken = (await send('POST', '/api/auth/refresh')).access_token
}

async function get(path) {
  try {
    return await send('GET', path)
  } catch (failure) {
    if (failure.status !== 401) throw failure
    await refresh()
    return send('GET', path)
  }
}

function show(id) {
  for (const part of ['sign-in', 'library', 'watch']) byId(part).hidden = part !== id
  byId('sign-out').hidden = id === 'sign-in'
}

function say(text = '') {
  byId('message').textContent = text
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000))

const withToken = (url, token) => `${url}?token=${encodeURIComponent(token)}`

async function showLibrary() {
  const { videos } = await get('/api/videos?limit=50')
  byId('no-clips').hidden = videos.length > 0
  byId('clips').replaceChildren(...videos.map(clipLine))
  show('library')
}

function clipLine(video) {
  const link = document.createElement('a')
  link.href = `/v/${video.short_id}`
  link.textContent = video.title
  const details = document.createElement('span')
  const state = video.processing_status === 'completed' ? clock(video.duration_seconds) : video.processing_status
  details.textContent = `${state} · ${video.owner} · ${new Date(video.created_at).toLocaleDateString()}`
  const line = document.createElement('li')
  line.append(link, details)
  return line
}

function clock(seconds) {
  const whole = Math.round(seconds ?? 0)
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`
}

async function showClip() {
  const video = await get(`/api/videos/${shortId}`)
  byId('watch-title').textContent = video.title
  document.title = `${video.title} – Clipset`
  show('watch')
  let info = await get(`/api/videos/${shortId}/stream-info`)
  while (!info.ready) {
    if (info.processing_status === 'failed') {
      byId('progress').hidden = true
      const { error } = await get(`/api/videos/${shortId}`)
      throw new Failure(0, error ?? 'This clip could not be processed.')
    }
    byId('progress').hidden = false
    byId('progress').value = info.progress ?? 0
    say('This clip is being processed. It plays as soon as it is ready.')
    await pause(1)
    info = await get(`/api/videos/${shortId}/stream-info`)
  }
  byId('progress').hidden = true
  say()
  play(info)
}

function play(info) {
  const video = byId('video')
  const token = info.playback_token
  if (info.poster_url) video.poster = withToken(info.poster_url, token)
  video.hidden = false

  const playProgressive = () => {
    if (!info.stream_url) return say('This clip cannot be played in this browser.')
    video.addEventListener('error', () => say('This clip cannot be played. Reload the page to try again.'), { once: true })
    video.src = withToken(info.stream_url, token)
  }
  if (info.format !== 'hls') return playProgressive()

  const manifest = withToken(info.manifest_url, token)
  if (globalThis.Hls?.isSupported()) {
    // Without a worker: it would be made from a blob, which the page's policy forbids.
    const hls = new Hls({ enableWorker: false })
    let recovered = false
    hls.on(Hls.Events.ERROR, (_event, error) => {
      if (!error.fatal) return
      if (error.type === Hls.ErrorTypes.MEDIA_ERROR && !recovered) {
        recovered = true
        hls.recoverMediaError()
      } else {
        hls.destroy()
        playProgressive()
      }
    })
    hls.loadSource(manifest)
    hls.attachMedia(video)
  } else if (video.canPlayType('application/vnd.apple.mpegurl')) {
    video.addEventListener('error', playProgressive, { once: true })
    video.src = manifest
  } else {
    playProgressive()
  }
}

async function start() {
  say()
  try {
    if (!accessToken) await refresh()
    await (shortId ? showClip() : showLibrary())
  } catch (failure) {
    if (failure.status === 401) return show('sign-in')
    say(failure.message)
  }
}

byId('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault()
  const form = event.currentTarget
  const { username, password } = Object.fromEntries(new FormData(form))
  say()
  try {
    accessToken = null
    accessToken = (await send('POST', '/api/auth/login', { username, password })).access_token
    form.reset()
  } catch (failure) {
    return say(failure.message)
  }
  await start()
})

byId('sign-out').addEventListener('click', async () => {
  try {
    await send('POST', '/api/auth/logout')
    accessToken = null
    location.assign('/')
  } catch (failure) {
    say(failure.message)
  }
})

start()
