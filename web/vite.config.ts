import { svelte } from '@sveltejs/vite-plugin-svelte'
import { defineConfig } from 'vitest/config'
import { contentSecurityPolicy } from './build/csp.ts'
import { earlyScript } from './build/early.ts'

const uploadUrl = process.env.UPLOAD_URL
// Packaged for the cloud, the pages hold none of their policy: CloudFront sends all of it (infra/distribution.tf).
const policyInHeader = process.env.PAGES_POLICY === 'header'

export default defineConfig({
  plugins: [svelte(), earlyScript(), contentSecurityPolicy({ uploadUrl, inHeader: policyInHeader, hashesFile: 'style-hashes.txt' })],
  // Tests run in Node, where Svelte's package would give its server half.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  define: { 'import.meta.env.UPLOAD_ORIGIN': JSON.stringify(policyInHeader ? '*' : uploadUrl ? new URL(uploadUrl).origin : '') },
  build: {
    target: 'es2022',
    // Not inlined as data: addresses, which the policy forbids.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { index: 'index.html', early: 'src/early.ts', share: 'src/share.ts' },
      output: {
        // functions/api writes the page of a share and names its script.
        entryFileNames: (chunk) => (chunk.name === 'share' ? 'share.js' : 'assets/[name]-[hash].js'),
      },
    },
  },
  server: { proxy: { '^/(api|s|embed|hls|progressive|images|clipset)/': process.env.CLIPSET_SERVER ?? 'http://127.0.0.1:8080' } },
  test: { include: ['src/**/*.test.ts', 'build/**/*.test.ts'] },
})
