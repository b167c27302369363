import { mount } from 'svelte'
import '../styles/tokens.css'
import '../styles/base.css'
import { applyTheme } from '../ui/theme.svelte.ts'
import SharePage from './SharePage.svelte'

applyTheme()
const target = document.getElementById('share')
const address = /^\/(s|embed)\/([0-9A-Za-z_-]+)\/?$/.exec(window.location.pathname)
if (target && address?.[2]) {
  target.replaceChildren()
  mount(SharePage, { target, props: { shareId: address[2], embedded: address[1] === 'embed' } })
}
