// nginx, and CloudFront by what Terraform plans: every request of the table, and a real segment, answered alike by status and by
// the headers that browsers act on.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { keys, secrets, table, target } from '../../../infra/edge/table.mjs'
import { until } from '../harness.mjs'
import { makeClip } from '../media.mjs'
import { startStack } from '../stack.mjs'
import { startCloudFront } from './cloudfront.mjs'
import { readPlan } from './plan.mjs'

/** What a browser or a cache in between acts on. Content-Length and ranges are of the object, and CloudFront's own. */
const TOLD = [
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-expose-headers',
  'access-control-allow-credentials',
  'allow',
  'cache-control',
  'x-content-type-options',
]
/** And of what is served. */
const SERVED = ['content-type', 'content-length', 'content-range']

let planned
let stack
let site
let segment
before(async () => {
  planned = await readPlan()
  stack = await startStack({ HLS_SIGNING_SECRET: secrets.current, HLS_SIGNING_SECRET_PREVIOUS: secrets.previous })
  mkdirSync(join(stack.data, 'tombstones'), { recursive: true })
  for (const uuid of table.deleted) writeFileSync(join(stack.data, 'tombstones', uuid), '')
  site = await startCloudFront({ planned, stack, pages: stack.folder, keys })
  segment = await aSegment()
})
after(async () => {
  await site?.stop()
  await stack?.stop()
})

/** The signed address of a segment that is there. */
async function aSegment() {
  await stack.clipset('upload', await makeClip(join(stack.folder, 'clip.mp4')))
  const [{ short_id: clip }] = (await stack.api('/api/videos')).videos
  const info = await until('the clip to play', async () => {
    const found = await stack.api(`/api/videos/${clip}/stream-info`)
    return found.ready && found
  })
  const manifest = await fetch(stack.url + info.manifest_url, { headers: { authorization: `Bearer ${info.playback_token}` } })
  return (await manifest.text()).split('\n').find((line) => line.startsWith('/hls/')).split('?')
}

/** Sends a request line byte for byte; gives status and headers. */
function ask(socket, host, method, [path, query], more = {}) {
  const lines = [`${method} ${path}${query === undefined ? '' : `?${query}`} HTTP/1.1`, `Host: ${host}`, 'Origin: https://elsewhere.example', 'Connection: close']
  for (const [name, value] of Object.entries(more)) lines.push(`${name}: ${value}`)
  return new Promise((resolve, reject) => {
    let text = ''
    socket.setEncoding('latin1')
    socket.on('data', (chunk) => (text += chunk))
    socket.on('error', reject)
    socket.on('close', () => {
      const [status, ...headers] = text.split('\r\n\r\n')[0].split('\r\n')
      const pairs = headers.map((line) => [line.split(':')[0].toLowerCase(), line.replace(/^[^:]*:\s*/, '')])
      resolve({ status: Number(status.split(' ')[1]), headers: Object.fromEntries(pairs) })
    })
    socket.write([...lines, '', ''].join('\r\n'), 'latin1')
  })
}

/** What both say of it, reduced to what has to be alike. */
async function both(method, where, more) {
  const { port } = new URL(stack.url)
  const nginx = await ask(connect(Number(port), '127.0.0.1'), '127.0.0.1', method, where, more)
  const cloudfront = await ask(connectTls({ port: site.port, host: '127.0.0.1', rejectUnauthorized: false }), site.host, method, where, more)
  return [nginx, cloudfront].map(({ status, headers }) => {
    const names = status === 200 || status === 206 ? [...TOLD, ...SERVED] : TOLD
    // Lists of names have no order.
    const plain = (value) => value?.split(/,\s*/).map((one) => one.toLowerCase()).sort().join(', ')
    return { status, ...Object.fromEntries(names.map((name) => [name, plain(headers[name])])) }
  })
}

/** Node's server, which stands for CloudFront here, refuses such a path itself. */
const isAscii = ({ path, query = '' }) => /^[\x20-\x7e]*$/.test(path + query)

for (const row of table.requests.filter(isAscii)) {
  test(`${row.expected}: ${row.note}`, async () => {
    const now = Math.floor(Date.now() / 1000)
    const [nginx, cloudfront] = await both(row.method ?? 'GET', target(row, now))
    assert.deepEqual(cloudfront, nginx)
    // No object of the table is here.
    if (row.sign?.expires !== '+0') assert.equal(nginx.status, row.expected === 200 ? 404 : row.expected)
  })
}

test('a segment is served alike: whole, in part, its head, and when it is known already', async () => {
  const etag = (await fetch(stack.url + segment.join('?'), { method: 'HEAD' })).headers.get('etag')
  for (const [status, method, more] of [
    [200, 'GET', {}],
    [200, 'HEAD', {}],
    [206, 'GET', { Range: 'bytes=0-187' }],
    [206, 'GET', { Range: 'bytes=188-' }],
    [416, 'GET', { Range: 'bytes=99999999-' }],
    [304, 'GET', { 'If-None-Match': etag }],
  ]) {
    const [nginx, cloudfront] = await both(method, segment, more)
    assert.deepEqual(cloudfront, nginx, `${method} ${JSON.stringify(more)}`)
    assert.equal(nginx.status, status)
  }
})

test('refusals are kept by no cache, and what is served depends on its path alone and for 300 s at most', () => {
  const rules = planned('aws_cloudfront_distribution.site').custom_error_response
  assert.deepEqual(rules.map((rule) => rule.error_code).sort(), [403, 404, 500, 502, 503, 504])
  for (const rule of rules) {
    // nginx says no-store and rewrites nothing.
    assert.equal(rule.error_caching_min_ttl, 0, `${rule.error_code} is kept`)
    assert.ok(!rule.response_code && !rule.response_page_path, `${rule.error_code} becomes another answer`)
  }
  const media = planned('aws_cloudfront_cache_policy.media')
  const [key] = media.parameters_in_cache_key_and_forwarded_to_origin
  assert.equal(media.max_ttl, 300)
  assert.equal(key.query_strings_config[0].query_string_behavior, 'none')
  assert.equal(key.headers_config[0].header_behavior, 'none')
  assert.equal(key.cookies_config[0].cookie_behavior, 'none')
})
