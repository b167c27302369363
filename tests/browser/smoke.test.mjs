// What infra/smoke does at AWS, done to this machine: it goes through, and fails where something is open that should not be.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { smoke } from './smoke.mjs'
import { startStack } from './stack.mjs'

let stack
before(async () => {
  stack = await startStack()
})
after(() => stack?.stop())

test('a running system is found good, and nothing is left of the visit', async () => {
  await smoke(stack.url, 'admin', stack.password)
  assert.deepEqual((await stack.api('/api/videos')).videos, [])
})

test('a system that nobody can sign in to is told', async () => {
  await assert.rejects(smoke(stack.url, 'admin', 'a wrong password'), /can sign in/)
})
