/** The page of a share (`/s/{share_id}`, `/embed/{share_id}`), which functions/api writes around this script. */
import { warm } from './playback/warm.ts'
import { inline } from './share/inline.ts'

const told = inline()
if (told?.stream_info.ready && told.stream_info.format === 'hls') warm(told.opened.video.short_id, told.stream_info)
void import('hls.js/light')
// functions/api knows this script's name and no other: what it loads in its turn brings its styles along.
void import('./share/main.ts')
