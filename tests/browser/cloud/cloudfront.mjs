// CloudFront and S3 as the plan declares them, before a system on this machine: behaviours, edge functions, response headers
// policies and the bucket's CORS rule come from the plan, pages from the packaged folder, the rest from nginx.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { request as ask } from 'node:http'
import { createServer } from 'node:https'
import { extname, join } from 'node:path'
import { load } from '../../../infra/edge/shim.mjs'

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.png': 'image/png', '.ico': 'image/x-icon' }

/** What S3 says of an object. Everything else that nginx says beside it has to come from CloudFront. */
const OF_AN_OBJECT = ['content-type', 'content-length', 'content-range', 'etag', 'last-modified']

/** A key and a certificate for any name, good for a day. */
function certificate(folder) {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1', '-subj', '/CN=clipset']
  execFileSync('openssl', [...made, '-keyout', key, '-out', cert], { stdio: 'pipe' })
  return { key: readFileSync(key), cert: readFileSync(cert) }
}

/** The headers that a response headers policy sets. Those of `override: false` only where there is none. */
export function policyHeaders(policy) {
  const [security] = policy.security_headers_config
  const [cors] = policy.cors_config
  const always = {}
  const unlessThere = {}
  const add = (name, value, override = true) => ((override ? always : unlessThere)[name] = value)
  for (const it of security?.content_security_policy ?? []) add('content-security-policy', it.content_security_policy, it.override)
  for (const it of security?.content_type_options ?? []) add('x-content-type-options', 'nosniff', it.override)
  for (const it of security?.frame_options ?? []) add('x-frame-options', it.frame_option, it.override)
  for (const it of security?.referrer_policy ?? []) add('referrer-policy', it.referrer_policy, it.override)
  for (const it of security?.strict_transport_security ?? []) {
    add('strict-transport-security', `max-age=${it.access_control_max_age_sec}`, it.override)
  }
  if (cors) {
    add('access-control-allow-origin', cors.access_control_allow_origins[0].items.join(), cors.origin_override)
    add('access-control-expose-headers', cors.access_control_expose_headers[0].items.join(', '), cors.origin_override)
  }
  for (const { items } of policy.custom_headers_config) {
    for (const it of items) add(it.header.toLowerCase(), it.value, it.override)
  }
  return { always, unlessThere }
}

/** The behaviour of a path: the first whose pattern it matches, else the default one. */
function behaviourOf(site, path) {
  const matches = ({ path_pattern: pattern }) =>
    pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
  return site.ordered_cache_behavior.find(matches) ?? site.default_cache_behavior[0]
}

/** A viewer's request as CloudFront tells its function. */
function viewerRequest(request, path, query) {
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, { value }]))
  const told = { method: request.method, uri: path, querystring: {}, headers, cookies: {}, rawQueryString: () => query }
  return { version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '192.0.2.1' }, request: told }
}

/**
 * Starts it before `stack`; `keys` is what the key value store holds. Gives where it listens; `stop()` ends it.
 */
export async function startCloudFront({ planned, stack, pages, keys }) {
  const site = planned('aws_cloudfront_distribution.site')
  const [cors] = planned('aws_s3_bucket_cors_configuration.main').cors_rule
  const policies = Object.fromEntries(['pages', 'media'].map((name) => [name, policyHeaders(planned(`aws_cloudfront_response_headers_policy.${name}`))]))
  const functions = Object.fromEntries(['edge.js', 'headers.js'].map((name) => [name, load(name, keys)]))
  const functionOf = (behaviour, event) =>
    functions[behaviour.function_association.find(({ event_type: type }) => type === event)?.function_arn]
  const bucketHost = new URL(planned('aws_lambda_function.function["api"]').environment[0].variables.UPLOAD_URL).host

  /** Asks nginx, and answers with `headersOf` its own. */
  function forward(request, response, target, headersOf) {
    const to = ask(stack.url + target, { method: request.method, headers: request.headers }, (from) => {
      response.writeHead(from.statusCode, headersOf(from.statusCode, from.headers))
      from.pipe(response)
    })
    to.on('error', () => response.destroy())
    request.pipe(to)
  }

  /** The bucket's own address: what is presigned, from other origins by its CORS rule alone. */
  function bucket(request, response) {
    const { origin } = request.headers
    const allowed = {}
    if (cors.allowed_origins.includes(origin)) {
      allowed['access-control-allow-origin'] = origin
      allowed['access-control-expose-headers'] = cors.expose_headers.join(', ')
    }
    if (request.method === 'OPTIONS') {
      const method = request.headers['access-control-request-method']
      if (!allowed['access-control-allow-origin'] || !cors.allowed_methods.includes(method)) return response.writeHead(403).end()
      const headers = request.headers['access-control-request-headers'] ?? ''
      return response.writeHead(200, { ...allowed, 'access-control-allow-methods': method, 'access-control-allow-headers': headers }).end()
    }
    forward(request, response, request.url, (_status, headers) => ({ ...only(headers, OF_AN_OBJECT), ...allowed }))
  }

  async function cloudfront(request, response) {
    const [path, query] = request.url.split(/\?(.*)/s)
    const behaviour = behaviourOf(site, path)
    const policy = policies[behaviour.response_headers_policy_id] ?? { always: {}, unlessThere: {} }
    const asked = await functionOf(behaviour, 'viewer-request')(viewerRequest(request, path, query))
    const dressed = (status, headers) => {
      const answer = { statusCode: status, headers: {} }
      if (status < 400) functionOf(behaviour, 'viewer-response')?.({ response: answer })
      const added = Object.fromEntries(Object.entries(answer.headers).map(([name, { value }]) => [name, value]))
      return { ...policy.unlessThere, ...headers, ...added, ...policy.always }
    }
    if (asked.statusCode) {
      const headers = Object.fromEntries(Object.entries(asked.headers).map(([name, { value }]) => [name, value]))
      return response.writeHead(asked.statusCode, dressed(asked.statusCode, headers)).end(asked.body)
    }
    if (behaviour.target_origin_id === 'pages') {
      const file = join(pages, asked.uri === '/' ? site.default_root_object : asked.uri)
      if (!existsSync(file)) return response.writeHead(404, dressed(404, {})).end()
      const headers = { 'content-type': TYPES[extname(file)] ?? 'application/octet-stream', 'cache-control': 'no-cache' }
      return response.writeHead(200, dressed(200, headers)).end(readFileSync(file))
    }
    const kept = (headers) => (behaviour.target_origin_id === 'media' ? only(headers, OF_AN_OBJECT) : headers)
    forward(request, response, request.url, (status, headers) => dressed(status, kept(headers)))
  }

  const server = createServer(certificate(stack.folder), (request, response) => {
    if (request.headers.host === bucketHost) return bucket(request, response)
    cloudfront(request, response).catch((error) => response.destroy(error))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    host: site.domain_name,
    port: server.address().port,
    /** For Chromium: both names lead here. */
    rules: [site.domain_name, bucketHost].map((host) => `MAP ${host}:443 127.0.0.1:${server.address().port}`).join(','),
    stop: () => {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(resolve))
    },
  }
}

const only = (headers, names) => Object.fromEntries(Object.entries(headers).filter(([name]) => names.includes(name)))
