/** Writes the Content-Security-Policy into the built page. */
import { createHash } from 'node:crypto'
import type { Plugin } from 'vite'

export interface Options {
  /** Where presigned uploads go, if not to the page's own origin (`UPLOAD_URL`). */
  uploadUrl?: string | undefined
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

/** As a meta tag, so that it is the same behind nginx and behind CloudFront. */
export function contentSecurityPolicy({ uploadUrl }: Options): Plugin {
  return {
    name: 'clipset-csp',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: () => [
        {
          tag: 'meta',
          attrs: { 'http-equiv': 'Content-Security-Policy', content: policy([], uploadUrl) },
          injectTo: 'head-prepend',
        },
      ],
    },
  }
}
