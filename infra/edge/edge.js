// The edge function: answers a viewer's request case for case like nginx (docs/architecture.md, contract section 3).
//
// Attached to media, pages and the API, so that no spelling of a media address is served by another behaviour: CloudFront
// chooses a behaviour by the normalised path, and hands us the raw one.
//
// The key value store holds what no deployment should have to change:
//   secret, secret-previous   the signing secrets, as ./infra/secrets wrote them
//   origin                    what the API wants to see before it answers
//   deleted/{uuid}            tombstones of deleted clips, written by the events function
import cf from 'cloudfront';
import crypto from 'crypto';

const store = cf.kvs();

const PLAIN = /^\/(hls|progressive|images)(\/[0-9A-Za-z_-]+)+\.[0-9a-z]+$/;
const SIGNED = /^md5=([A-Za-z0-9_-]{21}[AQgw])&expires=([1-9][0-9]{9,11})$/;
const MEDIA = /^\/+(hls|progressive|images)([/?;#%\\]|$)/i;
const API = /^\/(api|s|embed)\/|^\/healthz$/;
const SECRET = /^[0-9A-Za-z_-]{22,}$/;

async function handler(event) {
  const request = event.request;
  const path = request.uri;
  try {
    if (MEDIA.test(path) || MEDIA.test(normalised(path))) return await media(request);
    if (API.test(path)) {
      request.headers['x-clipset-origin'] = { value: await store.get('origin') };
      // Over what the viewer sent: by this address wrong passwords are counted.
      request.headers['x-clipset-viewer'] = { value: event.viewer.ip };
      return request;
    }
  } catch (_) {
    // The store is empty or away. The reason might name a key, so it is not written anywhere.
    return answer(503, 'Service Unavailable', 'This address cannot be checked now. Try again in a moment.\n', {
      'retry-after': '2',
    });
  }
  return page(request);
}

async function media(request) {
  if (request.method === 'OPTIONS') {
    return answer(204, 'No Content', '', {
      'access-control-allow-methods': 'GET, HEAD, OPTIONS',
      'access-control-allow-headers': 'Range, If-Range, If-None-Match, If-Modified-Since',
      'access-control-max-age': '86400',
    });
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET, HEAD, OPTIONS');
  const signature = SIGNED.exec(request.rawQueryString() || '');
  if (!signature || !PLAIN.test(request.uri)) return forbidden();
  const md5 = signature[1];
  const expires = signature[2];
  const signedWith = (secret) =>
    SECRET.test(secret) && crypto.createHash('md5').update(expires + request.uri + secret).digest('base64url') === md5;
  if (!signedWith(await store.get('secret'))) {
    if (!(await store.exists('secret-previous'))) return forbidden();
    if (!signedWith(await store.get('secret-previous'))) return forbidden();
  }
  if (Number(expires) < Math.floor(Date.now() / 1000)) return gone();
  const uuid = request.uri.split('/')[2].split('.')[0];
  if (await store.exists('deleted/' + uuid)) return gone();
  return request;
}

// A page's address has no dot in its last part; what has one is a file or missing.
function page(request) {
  if (request.method !== 'GET' && request.method !== 'HEAD') return notAllowed('GET, HEAD');
  if (!/\.[^/]*$/.test(request.uri)) request.uri = '/index.html';
  return request;
}

// What the address becomes once it is decoded and its dots and doubled slashes are gone.
function normalised(path) {
  let plain = path;
  try {
    plain = decodeURIComponent(path);
  } catch (_) {
    // Not UTF-8: no page and no file of ours is called so.
  }
  const parts = [];
  plain.split(/[/\\]/).forEach((part) => {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  });
  return '/' + parts.join('/');
}

function forbidden() {
  return answer(403, 'Forbidden', 'This address has no valid signature. Load the playlist again.\n', {});
}

function gone() {
  return answer(410, 'Gone', 'This address has run out, or the clip was deleted. Load the playlist again.\n', {});
}

function notAllowed(methods) {
  return answer(405, 'Method Not Allowed', 'Only ' + methods + ' are answered here.\n', { allow: methods });
}

function answer(status, description, text, more) {
  const headers = {
    'access-control-allow-origin': { value: '*' },
    'access-control-expose-headers': {
      value: 'Accept-Ranges, Content-Length, Content-Range, Date, ETag, Last-Modified, Retry-After',
    },
    'cache-control': { value: 'no-store' },
    'x-content-type-options': { value: 'nosniff' },
  };
  if (text) headers['content-type'] = { value: 'text/plain' };
  Object.keys(more).forEach((name) => {
    headers[name] = { value: more[name] };
  });
  const response = { statusCode: status, statusDescription: description, headers: headers };
  if (text) response.body = text;
  return response;
}
