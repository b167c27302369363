/** Every page and its address. */
import type { Route } from '../router.svelte.ts'

export const routes: Route[] = [
  { path: /^\/$/, access: 'member', load: () => import('./library/Library.svelte') },
  { path: /^\/v\/(?<shortId>[0-9A-Za-z]{10})\/?$/, access: 'member', load: () => import('./watch/Watch.svelte') },
  { path: /^\/upload\/?$/, access: 'member', load: () => import('./upload/Upload.svelte') },
  { path: /^\/account\/?$/, access: 'member', load: () => import('./account/Account.svelte') },
  { path: /^\/admin(?:\/(?<section>[a-z]+))?\/?$/, access: 'admin', load: () => import('./admin/Admin.svelte') },
  { path: /^\/reference\/?$/, access: 'anybody', load: () => import('./reference/Reference.svelte') },
  { path: /^\/(?<kind>register|reset)\/?$/, access: 'anybody', load: () => import('./register/Register.svelte') },
  { path: /^/, access: 'anybody', load: () => import('./missing/Missing.svelte') },
]
