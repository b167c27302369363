// Runs a CloudFront Function under Node: its modules, a key value store in memory, and the raw query's helper.
import crypto from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createContext, Script } from 'node:vm';

/** The source of a function beside this file, with its size limit (10 KB, CloudFront's quota) checked. */
export function source(name) {
  const code = readFileSync(new URL(name, import.meta.url), 'utf8');
  if (Buffer.byteLength(code) > 10 * 1024) throw new Error(`${name} is larger than 10 KB`);
  return code;
}

/** Gives `run(event)` over `keys`, a plain object: what the store holds. */
export function load(name, keys) {
  const kvs = {
    get: async (key) => {
      if (!(key in keys)) throw new Error('KeyNotFound');
      return keys[key];
    },
    exists: async (key) => key in keys,
  };
  const modules = { cloudfront: { kvs: () => kvs }, crypto };
  const code = source(name).replace(/^import (\w+) from '(\w+)';$/gm, "const $1 = modules['$2'];");
  const context = createContext({ modules });
  new Script(`${code}\nthis.handler = handler;`).runInContext(context);
  return (event) => context.handler(event);
}

/** A viewer request as CloudFront describes it. `query` is raw, undefined where there is no `?`. */
export function viewerRequest(method, uri, query) {
  const request = { method, uri, querystring: {}, headers: {}, cookies: {} };
  Object.defineProperty(request, 'rawQueryString', { value: () => query });
  return { version: '1.0', context: { eventType: 'viewer-request' }, viewer: { ip: '192.0.2.1' }, request };
}
