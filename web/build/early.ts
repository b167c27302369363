/** Writes the script that begins first into the built page: by itself, so that it waits for no other. */
import type { Plugin } from 'vite'

export const earlyScript = (): Plugin => ({
  name: 'clipset-early',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (_html, { bundle }) => {
      const chunks = Object.values(bundle ?? {}).filter((output) => output.type === 'chunk')
      const early = chunks.find((chunk) => chunk.isEntry && chunk.name === 'early')
      if (!early) throw new Error('the script that begins first was not built')
      const imported = early.imports.map((file) => ({ tag: 'link', attrs: { rel: 'modulepreload', href: `/${file}` } }))
      const script = { tag: 'script', attrs: { type: 'module', async: true, src: `/${early.fileName}` } }
      return [script, ...imported].map((tag) => ({ ...tag, injectTo: 'head-prepend' as const }))
    },
  },
})
