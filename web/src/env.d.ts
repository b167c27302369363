/// <reference types="vite/client" />

interface ImportMetaEnv {
  /** Of the address that presigned uploads go to (`UPLOAD_URL` at build); empty: the page's own; `*`: a server's policy says. */
  readonly UPLOAD_ORIGIN: string
}
