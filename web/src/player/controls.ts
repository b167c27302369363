/** The elements of media-chrome that the player is made of, and no others. */
import 'media-chrome/dist/media-controller.js'
import 'media-chrome/dist/media-control-bar.js'
import 'media-chrome/dist/media-fullscreen-button.js'
import 'media-chrome/dist/media-loading-indicator.js'
import 'media-chrome/dist/media-mute-button.js'
import 'media-chrome/dist/media-pip-button.js'
import 'media-chrome/dist/media-play-button.js'
import 'media-chrome/dist/media-preview-thumbnail.js'
import 'media-chrome/dist/media-preview-time-display.js'
import 'media-chrome/dist/media-time-display.js'
import 'media-chrome/dist/media-time-range.js'
import 'media-chrome/dist/media-volume-range.js'
import 'media-chrome/dist/menu/media-chrome-menu-item.js'
import 'media-chrome/dist/menu/media-playback-rate-menu.js'
import 'media-chrome/dist/menu/media-playback-rate-menu-button.js'
import 'media-chrome/dist/menu/media-rendition-menu.js'
import 'media-chrome/dist/menu/media-rendition-menu-button.js'

import type { MediaController } from 'media-chrome/dist/media-controller.js'

export type { MediaController }

/**
 * Has media-chrome look at the video itself before it answers a key. It knows what the video's last event told, so
 * that the second of two keys pressed quickly would go on from where the first did.
 */
export function answerKeysFromTheVideo(controller: MediaController): void {
  const answer = controller.keyboardShortcutHandler.bind(controller)
  controller.keyboardShortcutHandler = (event) => {
    // Changes no option: this request is the one upon which the store reads everything anew.
    controller.mediaStore.dispatch({ type: 'optionschangerequest', detail: {} })
    answer(event)
  }
}
