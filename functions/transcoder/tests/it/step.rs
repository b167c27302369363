//! Picture and sound in step: a flash and a beep together, near the start and near the end.

use clipset_transcoder::plan::{Picture, Sound};
use serde_json::json;

use crate::{
    made::Made,
    world::{Clip, ffprobe, flashes, settings},
};

const H264: &str = "-c:v libx264 -preset ultrafast -bf 2 -g 50";

async fn made(clip: &Clip) -> Made {
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    made
}

/// Within 40 ms, the first frame of a flash being what counts.
fn is_in_step(made: &Made, name: &str) {
    let apart = made.beeps_after_flashes();
    assert!(apart.iter().all(|seconds| seconds.abs() <= 0.04), "{name}: {apart:?}, {:?}", made.plan.reasons);
}

/// Seconds from the start of `clip`'s picture to that of its sound, by the container.
fn sound_after_picture(clip: &Clip) -> f64 {
    let start = |stream: &str| -> f64 {
        let said = ffprobe(&["-select_streams", stream, "-show_entries", "stream=start_time"], &clip.file);
        said.trim().parse().unwrap()
    };
    start("a:0") - start("v:0")
}

#[tokio::test]
async fn copied_and_encoded_clips_of_every_container_are_in_step() {
    use {Picture::Copy as P, Picture::Encode as E, Sound::Copy as C, Sound::Encode as S};
    for (name, rate, codecs, decision) in [
        ("a.mp4", "25", format!("{H264} -c:a aac"), (P, C)),
        ("b.mkv", "25", format!("{H264} -c:a libopus"), (P, S)),
        ("c.ts", "50", format!("{H264} -c:a ac3"), (P, S)),
        ("d.avi", "30000/1001", "-c:v mpeg4 -q:v 3 -ar 44100 -c:a libmp3lame".into(), (E, S)),
        ("e.mov", "24000/1001", "-c:v mjpeg -q:v 3 -c:a pcm_s16le".into(), (E, S)),
        ("f.webm", "30", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus".into(), (E, S)),
        ("g.mkv", "120", format!("{H264} -ar 96000 -c:a flac"), (E, S)),
        ("h.mp4", "50", format!("{H264} -c:a aac -movflags frag_keyframe+empty_moov"), (P, C)),
    ] {
        let clip = Clip::made(name, &flashes(rate, 7, "", "", &codecs));
        let made = made(&clip).await;
        assert_eq!((made.plan.picture, made.plan.sound), decision, "{name}: {:?}", made.plan.reasons);
        is_in_step(&made, name);
    }
}

#[tokio::test]
async fn sound_that_starts_late_is_padded_with_silence() {
    for (name, codecs, picture) in [
        ("a.mp4", format!("{H264} -c:a aac"), Picture::Copy),
        ("b.mkv", "-c:v mpeg4 -c:a libmp3lame".into(), Picture::Encode),
    ] {
        let clip = Clip::made(name, &flashes("25", 7, "", ",atrim=start=0.6", &codecs));
        assert!(sound_after_picture(&clip) > 0.5);
        let made = made(&clip).await;
        assert_eq!(made.plan.picture, picture, "{:?}", made.plan.reasons);
        is_in_step(&made, name);
    }
}

#[tokio::test]
async fn a_picture_that_starts_late_is_in_step_too() {
    for name in ["a.mp4", "b.mkv"] {
        let codecs = format!("{H264} -fps_mode passthrough -c:a aac");
        let clip = Clip::made(name, &flashes("25", 7, ",trim=start=0.52", "", &codecs));
        assert!(sound_after_picture(&clip) < -0.5);
        is_in_step(&made(&clip).await, name);
    }
}

#[tokio::test]
async fn a_clip_trimmed_by_an_edit_list_shows_what_was_left_of_it() {
    let whole = Clip::made("a.mp4", &flashes("25", 9, "", "", &format!("{H264} -c:a aac")));
    // Half a second before the first flash, away from a key frame.
    let trimmed = whole.then("b.mp4", "-ss 0.5", "-c copy");
    let made = made(&trimmed).await;
    assert_eq!(made.plan.picture, Picture::Encode);
    assert!((made.duration() - 8.5).abs() < 0.1, "{}", made.duration());
    is_in_step(&made, "trimmed");
}

#[tokio::test]
async fn a_screen_recording_of_a_varying_rate_is_in_step() {
    // A picture only where something changes, and a few of every second.
    let sparse = ",select=between(mod(n\\,30)\\,0\\,4)+eq(mod(n\\,7)\\,0)";
    let codecs = "-fps_mode vfr -c:v libx264 -preset ultrafast -g 999 -c:a aac";
    for name in ["a.mkv", "b.mp4"] {
        let clip = Clip::made(name, &flashes("30", 11, sparse, "", codecs));
        let made = made(&clip).await;
        assert_eq!(made.plan.picture, Picture::Encode, "{:?}", made.plan.reasons);
        is_in_step(&made, name);
    }
}

#[tokio::test]
async fn the_ladder_beside_a_copy_is_in_step() {
    let clip = Clip::made("a.mp4", &flashes("25", 7, ",scale=854:480", "", &format!("{H264} -c:a aac")));
    let made = clip.ladder(&settings(json!({}))).await;
    assert_eq!((made.plan.picture, made.produced.renditions.len()), (Picture::Copy, 2), "{:?}", made.plan.reasons);
    made.is_sound();
    is_in_step(&made, "ladder");
}
