// The table of requests to an edge (tests/vectors/edge-requests.json), signed as its rows say.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const table = JSON.parse(readFileSync(new URL('../../tests/vectors/edge-requests.json', import.meta.url), 'utf8'));
export const { secrets } = table;

/** What the key value store holds. */
export const keys = {
  secret: secrets.current,
  'secret-previous': secrets.previous,
  origin: 'o'.repeat(43),
  ...Object.fromEntries(table.deleted.map((uuid) => [`deleted/${uuid}`, '9999999999'])),
};

export const digest = (expires, uri, secret) => createHash('md5').update(expires + uri + secret).digest();
const LONG = 'a'.repeat(1500);

const otherEnding = (md5) => md5.slice(0, 21) + { A: 'B', Q: 'R', g: 'h', w: 'x' }[md5[21]];
const swappedCase = (md5) => [...md5].map((c) => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase())).join('');

/** Path and raw query of a row, signed as it says. */
export function target({ path: written, query = 'md5={md5}&expires={expires}', sign }, now) {
  const path = written.replace('{long}', LONG);
  if (sign) {
    const expires = sign.expires_text ?? String(now + Number(sign.expires));
    const bytes = digest(expires, sign.path ?? path, secrets[sign.with]);
    const md5 = bytes.toString('base64url');
    query = query
      .replace('{md5_other_ending}', otherEnding(md5))
      .replace('{md5_short}', md5.slice(0, 21))
      .replace('{md5_hex}', bytes.toString('hex'))
      .replace('{md5_swapped_case}', swappedCase(md5))
      .replace('{md5}', md5)
      .replace('{expires}', expires);
  }
  query = query.replace('{long}', LONG);
  assert.ok(!query.includes('{'), query);
  // CloudFront never sees a fragment as such: what a client sends behind # belongs to the query.
  return [path, query === '' ? undefined : query];
}
