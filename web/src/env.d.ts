/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Of the address that presigned uploads go to (`UPLOAD_URL` at build); empty: the page's own; `*`: a server's policy says. */
  readonly UPLOAD_ORIGIN: string
}

/** What the session's first refresh answered, begun by `early.ts`; null where nothing answered. */
// eslint-disable-next-line no-var -- what stands on globalThis is declared so
declare var clipsetRefreshed: Promise<Response | null> | undefined
