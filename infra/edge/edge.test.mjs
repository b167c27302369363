// The edge function over the table that nginx is tested over too (tests/tests/edge/table.rs).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, source, viewerRequest } from './shim.mjs';
import { digest, keys, secrets, table, target } from './table.mjs';

const edge = load('edge.js', keys);
const seconds = () => Math.floor(Date.now() / 1000);
async function ask(row) {
  for (;;) {
    const now = seconds();
    const answer = await edge(viewerRequest(row.method ?? 'GET', ...target(row, now)));
    if (row.sign?.expires !== '+0' || seconds() === now) return answer;
  }
}

test('the table has at least 60 requests', () => assert.ok(table.requests.length >= 60));

for (const row of table.requests) {
  test(`${row.expected}: ${row.note}`, async () => {
    const answer = await ask(row);
    const passes = row.expected === 200 || row.expected === 404;
    assert.equal(passes ? answer.uri : answer.statusCode, passes ? target(row, 0)[0] : row.expected);
    if (passes) return;
    const header = (name) => answer.headers[name]?.value;
    assert.equal(header('access-control-allow-origin'), '*');
    assert.equal(header('cache-control'), 'no-store');
    assert.equal(header('allow'), row.expected === 405 ? 'GET, HEAD, OPTIONS' : undefined);
    if (row.expected === 204) {
      assert.equal(header('access-control-allow-methods'), 'GET, HEAD, OPTIONS');
      assert.match(header('access-control-allow-headers'), /Range/);
    }
  });
}

const SEGMENT = table.objects[0];
const signed = (secret) => {
  const expires = String(seconds() + 600);
  return `md5=${digest(expires, SEGMENT, secret).toString('base64url')}&expires=${expires}`;
};

test('an empty store or an empty secret opens nothing', async () => {
  for (const [held, expected] of [
    [{}, 503],
    [{ secret: '' }, 403],
    [{ secret: 'short', 'secret-previous': '' }, 403],
  ]) {
    for (const secret of ['', 'short', secrets.current]) {
      const answer = await load('edge.js', held)(viewerRequest('GET', SEGMENT, signed(secret)));
      assert.equal(answer.statusCode, expected, JSON.stringify([held, secret]));
    }
  }
});

test('a previous secret is good until it is removed', async () => {
  const held = { secret: secrets.current, 'secret-previous': secrets.previous };
  const edge = load('edge.js', held);
  const event = () => viewerRequest('GET', SEGMENT, signed(secrets.previous));
  assert.equal((await edge(event())).uri, SEGMENT);
  delete held['secret-previous'];
  assert.equal((await edge(event())).statusCode, 403);
});

test('the API is shown the secret of the origin, whatever the viewer sent', async () => {
  for (const path of ['/api/videos', '/s/abc', '/embed/abc', '/healthz']) {
    const event = viewerRequest('POST', path);
    event.request.headers['x-clipset-origin'] = { value: 'guessed' };
    assert.equal((await edge(event)).headers['x-clipset-origin'].value, keys.origin, path);
  }
  assert.equal((await load('edge.js', {})(viewerRequest('GET', '/api/videos'))).statusCode, 503);
});

test('the API is told the address that CloudFront saw, whatever the viewer says of itself', async () => {
  for (const path of ['/api/auth/login', '/s/abc', '/embed/abc']) {
    const event = viewerRequest('POST', path);
    event.request.headers['x-clipset-viewer'] = { value: '6.6.6.6', multiValue: [{ value: '6.6.6.6' }, { value: '7.7.7.7' }] };
    const told = (await edge(event)).headers['x-clipset-viewer'];
    assert.deepEqual([told.value, told.multiValue], [event.viewer.ip, undefined], path);
  }
});

test('a page is index.html, a file is itself, and pages are only read', async () => {
  for (const [path, becomes] of [['/', '/index.html'], ['/v/aB3dE6gH9j', '/index.html'], ['/assets/a.js', '/assets/a.js']]) {
    assert.equal((await edge(viewerRequest('GET', path))).uri, becomes);
  }
  assert.equal((await edge(viewerRequest('POST', '/'))).statusCode, 405);
});

test('answers that serve say that they never change, refusals do not', () => {
  const headers = load('headers.js', {});
  for (const [status, policy] of [[200, 'public, max-age=31536000, immutable'], [206, 'public, max-age=31536000, immutable'], [302, undefined]]) {
    const answer = headers({ response: { statusCode: status, headers: {} } });
    assert.equal(answer.headers['cache-control']?.value, policy);
  }
});

test('both functions are within the limits of runtime 2.0', () => {
  for (const name of ['edge.js', 'headers.js']) {
    assert.doesNotMatch(source(name), /require\(|\bfetch\(|setTimeout|process\.|\beval\(|new Function|\?\.|\?\?/);
  }
});
