/** What goes on beside the page, in a word for the tab. */
export const beside = $state({ word: '' })
