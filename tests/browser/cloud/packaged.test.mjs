// The pages as ./infra/package builds them, behind the headers that Terraform plans: they upload and play.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openBrowser, signIn } from '../harness.mjs'
import { makeClip } from '../media.mjs'
import { SIGNING_SECRET, root, startStack } from '../stack.mjs'
import { startCloudFront } from './cloudfront.mjs'
import { readPlan } from './plan.mjs'

let planned
let stack
let pages
let told
let site

before(async () => {
  planned = await readPlan()
  told = planned('aws_lambda_function.function["api"]').environment[0].variables
  stack = await startStack({ PUBLIC_URL: told.PUBLIC_URL, UPLOAD_URL: told.UPLOAD_URL })
  pages = join(stack.folder, 'pages')
  // The line of ./infra/package, into a folder of its own.
  const line = readFileSync(join(root, 'infra/package'), 'utf8').match(/^([A-Z_]+)=(\S+) npm --prefix web run --silent build$/m)
  assert.ok(line, 'infra/package builds the pages in another way than this test knows')
  execFileSync('npm', ['--prefix', 'web', 'run', '--silent', 'build', '--', '--outDir', pages, '--emptyOutDir'], {
    cwd: root,
    env: { ...process.env, [line[1]]: line[2] },
    stdio: 'pipe',
  })
  site = await startCloudFront({ planned, stack, pages, keys: { secret: SIGNING_SECRET, origin: 'o'.repeat(43) } })
})
after(async () => {
  await site?.stop()
  await stack?.stop()
})

/** A browser to which the plan's addresses lead here. */
const openCloud = () => openBrowser({ args: [`--host-resolver-rules=${site.rules}`, '--ignore-certificate-errors'] })

/** Waits until the page's video has played half a second. */
const plays = (page) =>
  page.waitForFunction(() => {
    const find = (node) => {
      if (node instanceof HTMLVideoElement) return node
      for (const child of [...node.children, ...(node.shadowRoot?.children ?? [])]) {
        const found = find(child)
        if (found) return found
      }
    }
    const video = find(document.body)
    if (video?.paused) video.play().catch(() => undefined)
    return video?.currentTime > 0.5
  })

test('nothing of the policy is baked into the packaged pages', () => {
  assert.doesNotMatch(readFileSync(join(pages, 'index.html'), 'utf8'), /Content-Security-Policy/i)
})

test('the packaged pages upload to the bucket, and play by hls.js, behind the planned headers without a violation', async () => {
  const browser = await openCloud()
  const { page } = browser
  const sent = []
  page.on('requestfinished', (request) => {
    if (request.method() === 'PUT') sent.push(new URL(request.url()).origin)
  })
  const policies = new Set()
  page.on('response', (answer) => {
    if (answer.request().isNavigationRequest()) policies.add(answer.headers()['content-security-policy'])
  })
  await signIn(page, { url: told.PUBLIC_URL, password: stack.password }, { path: '/upload' })
  const clip = await makeClip(join(stack.folder, 'cloud.mp4'))
  await page.locator('input[type=file]').setInputFiles([clip])
  await page.getByRole('button', { name: 'Upload this clip' }).click()
  await page.getByText('Ready to watch').waitFor({ timeout: 120_000 })
  assert.deepEqual(sent, [told.UPLOAD_URL])
  await page.getByRole('link', { name: 'cloud' }).click()
  await page.waitForURL(/\/v\//)
  await plays(page)
  const [policy] = planned('aws_cloudfront_response_headers_policy.pages').security_headers_config[0].content_security_policy
  assert.deepEqual([...policies], [policy.content_security_policy])
  await browser.close()
})

test('a shared clip plays there for whoever has the link', async () => {
  const { videos } = await stack.api('/api/videos')
  const { url } = await stack.api(`/api/videos/${videos[0].short_id}/shares`, { method: 'POST', body: {} })
  assert.equal(new URL(url).origin, told.PUBLIC_URL)
  const browser = await openCloud()
  await browser.page.goto(url)
  await plays(browser.page)
  await browser.close()
})
