// Requests that nobody would write, to the edge function: what is not of the contract's grammar is 403, whatever it looks like.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { load, viewerRequest } from './shim.mjs';

const REQUESTS = 20_000;
const PATH = /^\/(hls|progressive|images)(\/[0-9A-Za-z_-]+)+\.[0-9a-z]+$/;
const QUERY = /^md5=[A-Za-z0-9_-]{21}[AQgw]&expires=[1-9][0-9]{9,11}$/;
const SEGMENT = '/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/segment000.ts';
const SECRET = '0123456789abcdef0123456789abcdef';
const PIECES = ['/', '//', 'hls', 'HLS', 'images', 'progressive', 'segment000.ts', '..', '.', '%2e%2e', '%2f', '%00', '%68ls', '%',
  ';', '&', '=', 'md5', 'expires', '\\', 'a', '-', '_', '.mp4', '+', '~', '\u00e9'];

/** The same numbers at each run (mulberry32). */
function numbers(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test('what is not of the grammar never passes', async () => {
  const random = numbers(20261127);
  const below = (limit) => Math.floor(random() * limit);
  const some = () => Array.from({ length: 1 + below(5) }, () => PIECES[below(PIECES.length)]).join('');
  const insert = (text) => { const at = below(text.length); return text.slice(0, at) + some() + text.slice(at); };
  const edge = load('edge.js', { secret: SECRET, 'secret-previous': '', origin: 'o'.repeat(43) });
  let passed = 0;
  for (let request = 0; request < REQUESTS; request += 1) {
    const path = [insert, (text) => text.slice(0, 1 + below(text.length)), () => `/${some()}`, (text) => text][below(4)](SEGMENT);
    const expires = String(Math.floor(Date.now() / 1000) + 600);
    const md5 = createHash('md5').update(expires + path + SECRET).digest('base64url');
    const good = `md5=${md5}&expires=${expires}`;
    const query = [insert, (text) => text.slice(0, below(text.length)), (text) => `${text}&${some()}`, (text) => text, (text) => text][below(5)](good);
    const answer = await edge(viewerRequest('GET', path, query === '' ? undefined : query));
    const grammar = PATH.test(path) && QUERY.test(query);
    if (answer.statusCode === undefined && answer.uri === path && /^\/(hls|progressive|images)\//.test(path)) {
      assert.ok(grammar, `passed ${path}?${query}`);
      passed += 1;
    } else if (answer.statusCode === 404 || answer.statusCode === 410) {
      assert.ok(grammar, `${answer.statusCode} for ${path}?${query}`);
    }
  }
  assert.ok(passed > 0, 'no request was a good one, so nothing was tried');
});
