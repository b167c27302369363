//! The sound that comes out: loudness, channels, tracks and lengths.

use std::path::Path;

use clipset_transcoder::plan::{Origin, Picture, Sound};
use serde_json::json;

use crate::{
    made::Made,
    world::{Clip, ffmpeg, ffprobe, settings},
};

const PICTURE: &str = "-f lavfi -i testsrc2=s=320x180:r=25:d=4";
const H264: &str = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 50";

async fn made(clip: &Clip) -> Made {
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    made
}

/// Integrated loudness of what is heard by default (EBU R 128), LUFS.
fn loudness(file: &Path, filter: &str) -> f64 {
    let filters = format!("{filter}ebur128");
    let args = ["-v", "info", "-i", file.to_str().unwrap(), "-vn", "-af", &filters, "-f", "null", "-"];
    let output = ffmpeg(&args, Path::new("/"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = said.lines().rev().find_map(|line| line.trim().strip_prefix("I:")).unwrap();
    line.trim().trim_end_matches("LUFS").trim().parse().unwrap()
}

#[tokio::test]
async fn loudness_is_untouched_and_six_channels_are_mixed_down_in_their_balance() {
    let centre = ",pan=5.1|c2=c0";
    for (name, sound, codec, channels) in [
        ("mono.mkv", "", "-c:a pcm_s16le", 1),
        ("stereo.mkv", ",pan=stereo|c0=c0|c1=0.3*c0", "-c:a libopus", 2),
        ("six.mkv", centre, "-c:a ac3 -b:a 448k", 2),
        ("six.mov", centre, "-c:a pcm_s24le", 2),
        ("high.mkv", "", "-ar 96000 -c:a flac", 1),
    ] {
        let source = format!("{PICTURE} -f lavfi -i sine=997:r=48000:d=4,volume=0.5{sound} {H264} {codec}");
        let clip = Clip::made(name, &source);
        let made = made(&clip).await;
        assert_eq!(made.plan.sound, Sound::Encode);
        let entries = ["-select_streams", "a:0", "-show_entries", "stream=channels,sample_rate"];
        let found = ffprobe(&entries, &made.root.join("segment000.ts"));
        assert_eq!(found.lines().next().unwrap(), format!("48000,{channels}"), "{name}");
        let (before, after) = (loudness(&clip.file, ""), loudness(&made.master(), ""));
        assert!((before - after).abs() < 0.7, "{name}: {before} became {after}");
    }
}

#[tokio::test]
async fn of_several_tracks_the_default_one_is_heard() {
    let quiet = "-f lavfi -i sine=440:d=4,volume=0.05";
    let clip = Clip::made(
        "a.mkv",
        &format!(
            "{PICTURE} {quiet} -f lavfi -i sine=440:d=4 -map 0 -map 1 -map 2 {H264} -c:a aac \
             -disposition:a:0 0 -disposition:a:1 default"
        ),
    );
    let made = made(&clip).await;
    let (first, second) = (loudness(&clip.file, "anull,"), loudness(&made.master(), ""));
    assert_eq!(made.plan.audio, Some(2));
    // FFmpeg takes the default track too; the other is 26 LU quieter.
    assert!((first - second).abs() < 0.7 && second > -30.0, "{first} {second}");
}

#[tokio::test]
async fn sixteen_channels_without_a_layout_give_their_first_two() {
    let clip =
        Clip::made("a.wav", "-f lavfi -i sine=440:r=48000:d=2,aformat=channel_layouts=hexadecagonal -c:a pcm_s16le");
    let made = made(&clip).await;
    assert_eq!(made.plan.channels, 16);
    assert!(made.produced.playlists.duration > 1.9);
}

#[tokio::test]
async fn a_song_plays_as_a_video_of_its_cover() {
    let song = "-f lavfi -i sine=440:r=44100:d=9.3 -f lavfi -i color=red:s=601x401:d=1:r=1 -map 0 -map 1 \
                -disposition:v attached_pic";
    for (name, codecs) in
        [("a.mp3", "-c:v mjpeg -c:a libmp3lame"), ("b.m4a", "-c:v png -c:a aac"), ("c.flac", "-c:v png -c:a flac")]
    {
        let clip = Clip::made(name, &format!("{song} {codecs}"));
        let made = made(&clip).await;
        assert!(matches!(made.plan.video, Origin::Cover(_)), "{name}");
        assert_eq!((made.size().as_str(), made.produced.renditions.len()), ("600,400", 1), "{name}");
        made.is_cut_every_four_seconds();
        let (sound, picture) = made.ends();
        assert!((sound - 9.3).abs() < 0.1 && (picture - 9.3).abs() <= 0.4, "{name}: {sound} {picture}");
        let pictures = made.pictures();
        assert_eq!(pictures.len(), 47, "{name}: five a second");
    }
}

#[tokio::test]
async fn sound_without_a_cover_gets_a_plain_picture() {
    for (name, codec) in [
        ("a.mp3", "-c:a libmp3lame -write_xing 0 -q:a 2"),
        ("b.wav", "-c:a pcm_s16le"),
        ("c.opus", "-c:a libopus"),
        ("e.aac", "-c:a aac"),
    ] {
        let clip = Clip::made(name, &format!("-f lavfi -i sine=440:r=48000:d=6.1 {codec}"));
        let made = made(&clip).await;
        assert_eq!((made.plan.video, made.plan.picture), (Origin::Plain, Picture::Encode), "{name}");
        assert_eq!(made.size(), "1280,720", "{name}");
        let (sound, picture) = made.ends();
        assert!((sound - 6.1).abs() < 0.1 && (picture - 6.1).abs() <= 0.4, "{name}: {sound} {picture}");
    }
}
