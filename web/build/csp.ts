/** Writes the Content-Security-Policy into the built page. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import type { Plugin } from 'vite'

export interface Options {
  /** Where presigned uploads go, if not to the page's own origin (`UPLOAD_URL`). */
  uploadUrl?: string | undefined
  /** A server sends the whole policy, so none is written into the page. */
  inHeader?: boolean
  /** A file with the hashes, one a line: functions/api sends them with the pages of shares. */
  hashesFile: string
}

/** `'sha256-…'` of an inline style, as a policy names it. */
export const hashOf = (style: string): string => `'sha256-${createHash('sha256').update(style).digest('base64')}'`

/** The policy. `frame-ancestors` cannot stand in a page: the server sends it. */
export function policy(styles: string[], uploadUrl?: string): string {
  const upload = uploadUrl ? ` ${new URL(uploadUrl).origin}` : ''
  return [
    "default-src 'self'",
    ["style-src 'self'", ...styles].join(' '),
    "media-src 'self' blob:",
    "worker-src 'self'",
    `connect-src 'self'${upload}`,
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
  ].join('; ')
}

/** The inline styles of a template. */
export const stylesIn = (html: string): string[] =>
  [...html.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/g)].map((found) => found[1] ?? '')

/**
 * The hashes of the styles that media-chrome's elements put into their shadow roots. The library renders on servers
 * too, so its modules load here and give the very text that a browser sees.
 */
export async function shadowStyles(modules: string[]): Promise<string[]> {
  const hashes = new Set<string>()
  for (const module of modules) {
    const exported: Record<string, unknown> = await import(module)
    for (const element of Object.values(exported)) {
      if (typeof element !== 'function' || !('getTemplateHTML' in element)) continue
      const render = element.getTemplateHTML as (attributes: object, props: object) => string
      for (const style of stylesIn(render.call(element, {}, {}))) hashes.add(hashOf(style))
    }
  }
  return [...hashes].sort()
}

/** As a meta tag, so that it is the same behind nginx and behind CloudFront. */
export function contentSecurityPolicy({ uploadUrl, inHeader, hashesFile }: Options): Plugin {
  const elements = /\/media-chrome\/dist\/(?:menu\/)?media-[a-z-]+\.js$/
  return {
    name: 'clipset-csp',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: async (_html, { bundle }) => {
        const chunks = Object.values(bundle ?? {}).filter((output) => output.type === 'chunk')
        const modules = new Set(chunks.flatMap((chunk) => chunk.moduleIds).filter((id) => elements.test(id)))
        const hashes = await shadowStyles([...modules].sort())
        const lines = hashes.map((hash) => `${hash}\n`).join('')
        if (!existsSync(hashesFile) || readFileSync(hashesFile, 'utf8') !== lines) writeFileSync(hashesFile, lines)
        if (inHeader) return []
        const content = policy(hashes, uploadUrl)
        return [{ tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content }, injectTo: 'head-prepend' }]
      },
    },
  }
}
