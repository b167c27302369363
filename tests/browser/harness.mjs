// What every browser test starts from: a running system, a browser, a page that counts what the policy forbids.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { chromium, firefox } from 'playwright-core'
import axe from 'axe-core'
import { root } from './stack.mjs'

/** Where screenshots are kept. */
export const OUTPUT = join(root, 'target/browser')

export const DESK = { width: 1280, height: 800 }

/** What pages are looked at on: two phones, a tablet, a desk. */
const WINDOWS = [
  { width: 360, height: 740 },
  { width: 390, height: 844 },
  { width: 820, height: 1180 },
  { width: 1440, height: 900 },
]
/** Of them, where axe looks as well: what it finds depends on the layout, of which there are two. */
const WITH_AXE = [360, 1440]

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

const running = new Set()

// A test that failed left its browser open, which would keep the run from ending. Measurements are no tests.
if (process.env.NODE_TEST_CONTEXT) after(() => Promise.all([...running].map((context) => context.close())))

/** Starts Chromium with a profile of its own. `close` ends it and asserts that the policy was never violated. */
export const openBrowser = ({ args = [], ...more } = {}) =>
  open(chromium, { executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: [...FLAGS, ...args], ...more })

/** The same of Debian's Firefox, which is driven by WebDriver BiDi. */
export const openFirefox = (more = {}) =>
  open(firefox, { channel: 'moz-firefox', executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr', colorScheme: null, reducedMotion: null, firefoxUserPrefs: { 'media.autoplay.default': 0 }, ...more })

async function open(browser, more) {
  const profile = mkdtempSync(join(tmpdir(), 'clipset-browser-'))
  const context = await browser.launchPersistentContext(profile, {
    headless: true,
    viewport: DESK,
    colorScheme: 'light',
    reducedMotion: 'reduce',
    ...more,
  })
  running.add(context)
  const violations = []
  const errors = []
  await context.exposeBinding('clipsetViolation', (_source, text) => violations.push(text))
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      globalThis.clipsetViolation(`${event.effectiveDirective}: ${event.blockedURI} ${event.sample}`)
    })
  })
  const watch = (page) => {
    page.on('pageerror', (error) => errors.push(`${page.url()}: ${error.stack ?? error}`))
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) violations.push(message.text())
    })
  }
  context.pages().forEach(watch)
  context.on('page', watch)
  const page = context.pages()[0] ?? (await context.newPage())
  page.setDefaultTimeout(20_000)
  return {
    context,
    page,
    violations,
    async close() {
      running.delete(context)
      await context.close()
      rmSync(profile, { recursive: true, force: true })
      assert.deepEqual(violations, [], 'the Content-Security-Policy was violated')
      assert.deepEqual(errors, [], 'a page threw an error')
    },
  }
}

/** Signs in on the page that stands there, or on the library. */
export async function signIn(page, stack, { path = '/', username = 'admin', password = stack.password } = {}) {
  await page.goto(stack.url + path)
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation', { name: 'Main' }).waitFor()
}

/** Asserts that axe-core finds nothing serious or critical on the page. */
export async function assertReachable(page, where) {
  // As a script of the debugger, which the page's policy does not concern.
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  const bad = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  const told = bad.map(({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map((node) => `${node.html}\n  ${node.failureSummary}`).join('\n  ')}`)
  assert.deepEqual(told, [], `axe-core on ${where}`)
}

/** Asserts that nothing is wider than the window. */
export async function assertFits(page, where) {
  const [content, width] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth])
  assert.ok(content <= width, `${where} is ${content} px wide in a window of ${width} px`)
}

export async function screenshot(page, name) {
  mkdirSync(OUTPUT, { recursive: true })
  await page.screenshot({ path: join(OUTPUT, `${name}.png`) })
}

/** Asserts that a thumb hits whatever can be pressed: 44 px either way, but for links within a sentence. */
async function assertTouchable(page, where) {
  const small = await page.evaluate(() => {
    const LEAST = 43.5
    const isSeen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('[aria-hidden="true"], .unseen, .skip')
    return [...document.querySelectorAll('a[href], button, input, select, textarea, summary')]
      .filter((element) => isSeen(element) && !(element.localName === 'a' && getComputedStyle(element).display === 'inline'))
      .filter((element) => {
        // A label is part of its target, and so is what a style lays around one.
        const { width, height } = (element.closest('label') ?? element).getBoundingClientRect()
        const around = getComputedStyle(element, '::after')
        const [wider, higher] = around.position === 'absolute' ? [parseFloat(around.width), parseFloat(around.height)] : [0, 0]
        return Math.max(width, wider) < LEAST || Math.max(height, higher) < LEAST
      })
      .map((element) => element.outerHTML.slice(0, 120))
  })
  assert.deepEqual(small, [], `too small for a thumb on ${where}`)
}

/** Looks at the page on phones, a tablet and a desk, light and dark: it fits, it is reachable, and there is a picture of it. */
export async function inspect(page, name) {
  for (const viewport of WINDOWS) {
    const { width } = viewport
    await page.setViewportSize(viewport)
    for (const colorScheme of ['light', 'dark']) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      const where = `${name}-${width}-${colorScheme}`
      await screenshot(page, where)
      await assertFits(page, where)
      if (WITH_AXE.includes(width)) await assertReachable(page, where)
    }
    if (width === WINDOWS[0].width) await assertTouchable(page, name)
  }
  await page.setViewportSize(DESK)
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
}

/** Waits until `condition` gives something, and gives that. */
export async function until(what, condition, { seconds = 60 } = {}) {
  const deadline = Date.now() + seconds * 1000
  for (;;) {
    const found = await condition()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
