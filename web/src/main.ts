/** The application: every page but those of shares. */
import { mount } from 'svelte'
import App from './App.svelte'
import './styles/tokens.css'
import './styles/base.css'
import { applyTheme } from './ui/theme.svelte.ts'

applyTheme()
const target = document.getElementById('app')
if (target) mount(App, { target })
