/** Where the viewer is, taken along from one source to the next. */

export interface Place {
  /** Seconds. */
  position: number
  playing: boolean
  /** Speed. */
  rate: number
}

/** The place of a video; `last` where it has not begun to know itself. An error pauses it, which is not the viewer's wish. */
export function placeOf(video: HTMLVideoElement, last: Place): Place {
  if (video.readyState === HTMLMediaElement.HAVE_NOTHING) return last
  const playing = video.error ? last.playing : !video.paused && !video.ended
  return { position: video.currentTime, playing, rate: video.playbackRate }
}

/** Goes there as soon as the new source is known. Loading a source sets the speed back and pauses. */
export function goTo(video: HTMLVideoElement, place: Place, signal: AbortSignal): void {
  const go = () => {
    if (place.position > 0 && Math.abs(video.currentTime - place.position) > 0.1) video.currentTime = place.position
    video.playbackRate = place.rate
    // Refused where the browser wants a click first; the button is there.
    if (place.playing) void video.play().catch(() => undefined)
  }
  video.addEventListener('loadedmetadata', go, { once: true, signal })
}
