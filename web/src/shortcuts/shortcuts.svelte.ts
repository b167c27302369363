/** Whether the list of keys is shown: a key opens it, and a menu. */
export const shortcuts = $state({ open: false })
