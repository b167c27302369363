// Signing in and out, the frame around every page, and its appearance.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { inspect, openBrowser, signIn } from './harness.mjs'
import { startStack } from './stack.mjs'

let stack
before(async () => (stack = await startStack()))
after(() => stack?.stop())

test('a visitor is asked to sign in where they are, and comes back to it', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await page.goto(`${stack.url}/upload?from=test`)
  await page.getByRole('heading', { name: 'Sign in' }).waitFor()
  await inspect(page, 'sign-in')
  await page.getByLabel('Username').fill('admin')
  await page.getByLabel('Password').fill('not the password')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('alert').getByText('The username or the password is wrong.').waitFor()
  await page.getByLabel('Password').fill(stack.password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Upload' }).waitFor()
  assert.equal(page.url(), `${stack.url}/upload?from=test`)

  await page.reload()
  await page.getByRole('heading', { name: 'Upload' }).waitFor()
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]))
  assert.ok(!stored.includes('eyJ'), `a token is kept where scripts and thieves find it: ${stored}`)
  await browser.close()
})

test('an address that is none has a page that leads back', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await signIn(page, stack, { path: '/' })
  await page.goto(`${stack.url}/nowhere`)
  await page.getByRole('heading', { name: 'There is no such page' }).waitFor()
  await inspect(page, 'missing')
  await browser.close()
})

test('the reference of the API is read without signing in, every call and type of it', async () => {
  const browser = await openBrowser()
  const { page } = browser
  await page.goto(`${stack.url}/reference`)
  const login = page.locator('details', { hasText: 'POST /api/auth/login' })
  await login.locator('summary').click()
  await login.getByRole('link', { name: 'Credentials' }).waitFor()
  const { paths, components } = await (await fetch(`${stack.url}/api/openapi.json`)).json()
  assert.equal(await page.locator('details').count(), Object.values(paths).flatMap(Object.keys).length)
  assert.equal(await page.locator('section[id]').count(), Object.keys(components.schemas).length)
  await inspect(page, 'reference')
  await browser.close()
})
