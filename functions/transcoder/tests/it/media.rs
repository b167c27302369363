//! What becomes of sources that people have: the plan, and the stream's properties.

use clipset_transcoder::plan::{Picture, Sound};
use serde_json::json;

use crate::world::{Clip, ffprobe, pictures, settings};

const AAC: &str = "-c:a aac";

fn x264(more: &str) -> String {
    format!("-c:v libx264 -preset ultrafast {more} {AAC}")
}

#[tokio::test]
async fn key_frames_every_two_seconds_are_repackaged_picture_for_picture() {
    let clip = Clip::of("a.mp4", "320x180", "30", 60.0, "-c:v libx264 -preset veryfast -bf 2 -g 60 -c:a aac");
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!((made.plan.picture, made.plan.sound), (Picture::Copy, Sound::Copy), "{:?}", made.plan.reasons);
    made.is_sound();
    made.is_cut_every_four_seconds();
    assert_eq!(made.playlists()[0].1.segments.len(), 15);
    assert!((made.duration() - 60.0).abs() < 1e-3);
    assert_eq!(made.pictures(), pictures(&clip.file));
}

#[tokio::test]
async fn one_key_frame_in_250_is_encoded_with_cuts_every_four_seconds() {
    let clip = Clip::of("a.mp4", "320x180", "30", 21.0, &x264("-g 250"));
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Encode);
    assert!(made.plan.reasons[0].contains("key frames would make a segment of 8.3 s"), "{:?}", made.plan.reasons);
    made.is_sound();
    made.is_cut_every_four_seconds();
    assert_eq!(made.playlists()[0].1.segments.len(), 6);
    assert!((made.duration() - 21.0).abs() < 0.04, "{}", made.duration());
}

#[tokio::test]
async fn the_ladder_beside_a_copy_is_cut_where_the_copy_is() {
    let keys = "-g 999 -bf 3 -force_key_frames 0,1.5,3,4.7,5.5,8.9,12.04,15,16.1";
    let clip = Clip::of("a.mp4", "854x480", "25", 19.0, &x264(keys));
    let made = clip.ladder(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Copy, "{:?}", made.plan.reasons);
    made.is_sound();
    let playlists = made.playlists();
    assert_eq!(playlists.len(), 2);
    let durations = |n: usize| playlists[n].1.segments.iter().map(|segment| segment.duration).collect::<Vec<_>>();
    for (one, other) in durations(0).iter().zip(durations(1)) {
        assert!((one - other).abs() < 0.02, "{:?} {:?}", durations(0), durations(1));
    }
    assert!((durations(0)[0] - 4.72).abs() < 0.03, "{:?}", durations(0));
    assert_eq!(pictures(&made.root.join("480p/playlist.m3u8")), pictures(&clip.file));
    let master = std::fs::read_to_string(made.master()).unwrap();
    assert!(master.find("480p/playlist.m3u8").unwrap() < master.find("360p/playlist.m3u8").unwrap(), "{master}");
    assert!(master.contains("RESOLUTION=854x480,FRAME-RATE=25"), "{master}");
    assert!(master.contains("RESOLUTION=640x360"), "{master}");
    assert_eq!(master.matches("CODECS=\"avc1.").count(), 2, "{master}");
    let targets: Vec<String> = ["480p", "360p"]
        .map(|name| std::fs::read_to_string(made.root.join(name).join("playlist.m3u8")).unwrap())
        .map(|text| text.lines().find(|line| line.contains("TARGETDURATION")).unwrap().to_owned())
        .into();
    assert_eq!(targets[0], targets[1]);
}

#[tokio::test]
async fn an_encoded_ladder_of_a_broken_rate_stays_aligned() {
    let clip = Clip::of("a.mp4", "854x480", "30000/1001", 17.0, &x264("-g 999"));
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!(made.produced.renditions.len(), 2);
    made.is_sound();
    made.is_cut_every_four_seconds();
    assert_eq!(made.size(), "854,480");
}

#[tokio::test]
async fn a_clip_without_sound_gets_none() {
    let copied = Clip::made("a.mp4", "-f lavfi -i testsrc2=s=320x180:r=25:d=9 -pix_fmt yuv420p -c:v libx264 -g 50");
    let made = copied.produced(&settings(json!({}))).await;
    assert_eq!((made.plan.picture, made.plan.sound), (Picture::Copy, Sound::None), "{:?}", made.plan.reasons);
    made.is_sound();
    let encoded = copied.then("b.mkv", "", "-c:v mpeg4");
    let made = encoded.produced(&settings(json!({}))).await;
    assert_eq!((made.plan.picture, made.plan.sound), (Picture::Encode, Sound::None));
    made.is_sound();
    let streams = ffprobe(&["-show_entries", "stream=codec_type"], &made.root.join("segment000.ts"));
    assert!(!streams.contains("audio"), "{streams}");
}

#[tokio::test]
async fn a_varying_rate_becomes_constant_and_stays_in_step_with_the_sound() {
    // Pictures stand still for seconds, as a screen recorder writes them.
    let clip = Clip::made(
        "a.mkv",
        "-f lavfi -i testsrc2=s=320x180:r=30:d=18 -f lavfi -i sine=440:d=18 -map 0:v -map 1:a \
         -vf select='lt(mod(n\\,220)\\,40)' -fps_mode vfr -pix_fmt yuv420p -c:v libx264 -preset ultrafast -c:a aac",
    );
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Encode);
    made.is_sound();
    made.is_cut_every_four_seconds();
    let (sound, picture) = made.ends();
    assert!((sound - picture).abs() < 0.2 && (picture - 18.0).abs() < 0.2, "{sound} {picture}");
}

#[tokio::test]
async fn odd_sizes_lose_their_odd_line() {
    let clip = Clip::made("a.mkv", "-f lavfi -i testsrc2=s=853x481:r=25:d=3 -pix_fmt yuv444p -c:v ffv1");
    let made = clip.produced(&settings(json!({"renditions": "single"}))).await;
    assert_eq!(made.size(), "852,480");
    made.is_sound();
}

#[tokio::test]
async fn what_copying_would_spoil_is_encoded() {
    let good = Clip::of("a.mp4", "320x180", "30", 8.0, "-c:v libx264 -preset veryfast -bf 2 -g 30 -c:a aac");
    assert_eq!(good.plan(&settings(json!({}))).await.unwrap().picture, Picture::Copy);
    let open =
        "-c:v libx264 -preset veryfast -x264-params open-gop=1:bframes=3:b-adapt=0:keyint=48:scenecut=0 -c:a aac";
    for (clip, reason) in [
        (good.then("trimmed.mp4", "-ss 1.5", "-c copy"), "an edit list hides pictures"),
        (Clip::of("open.mp4", "320x180", "30", 8.0, open), "GOPs are open"),
        (
            good.then("ten.mp4", "", "-c:v libx264 -preset ultrafast -g 30 -pix_fmt yuv420p10le -c:a copy"),
            "yuv420p10le",
        ),
        (good.then("wide.mp4", "", "-vf setsar=4/3 -c:v libx264 -preset ultrafast -g 30 -c:a copy"), "not square"),
        (
            good.then("fields.mp4", "", "-c:v libx264 -preset ultrafast -flags +ildct -x264opts tff=1 -g 30"),
            "interlaced",
        ),
        (good.then("mpeg4.avi", "", "-c:v mpeg4 -c:a mp3"), "is mpeg4, not H.264"),
    ] {
        let made = clip.produced(&settings(json!({}))).await;
        assert_eq!(made.plan.picture, Picture::Encode, "{reason}");
        assert!(made.plan.reasons[0].contains(reason), "{:?}", made.plan.reasons);
        made.is_sound();
        made.is_cut_every_four_seconds();
    }
}

#[tokio::test]
async fn other_containers_of_the_same_stream_are_repackaged_too() {
    let source = Clip::of("a.mp4", "320x180", "30", 9.0, "-c:v libx264 -preset veryfast -bf 2 -g 30 -c:a aac");
    let expected = pictures(&source.file);
    for (name, options) in
        [("b.mkv", ""), ("c.ts", ""), ("d.mov", ""), ("e.mp4", "-movflags frag_keyframe+empty_moov"), ("f.flv", "")]
    {
        let clip = source.then(name, "", &format!("-c copy {options}"));
        let made = clip.produced(&settings(json!({}))).await;
        assert_eq!(made.plan.picture, Picture::Copy, "{name}: {:?}", made.plan.reasons);
        made.is_sound();
        assert_eq!(made.pictures(), expected, "{name}");
        assert!((made.duration() - 9.0).abs() < 0.05, "{name}: {}", made.duration());
    }
}

#[tokio::test]
async fn sound_that_players_do_not_take_is_encoded_beside_the_copied_picture() {
    let picture = "-f lavfi -i testsrc2=s=320x180:r=25:d=6";
    let h264 = "-pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 50";
    for (name, sound, codec) in [
        ("a.mkv", "sine=440:r=48000:d=6", "-c:a libopus"),
        ("b.mp4", "anoisesrc=r=48000:d=6,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-c:a ac3"),
        ("c.mkv", "sine=440:r=96000:d=6", "-c:a pcm_s16le"),
        ("d.mp4", "sine=440:r=44100:d=6", "-c:a mp3"),
        ("e.mp4", "anoisesrc=r=48000:d=6,pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-c:a aac"),
    ] {
        let clip = Clip::made(name, &format!("{picture} -f lavfi -i {sound} {h264} {codec}"));
        let made = clip.produced(&settings(json!({}))).await;
        assert_eq!(
            (made.plan.picture, made.plan.sound),
            (Picture::Copy, Sound::Encode),
            "{name}: {:?}",
            made.plan.reasons
        );
        made.is_sound();
        let entries = ["-select_streams", "a:0", "-show_entries", "stream=codec_name,profile,channels"];
        let audio = ffprobe(&entries, &made.root.join("segment000.ts"));
        let channels = if codec.contains("ac3") || name == "e.mp4" { 2 } else { 1 };
        assert!(audio.starts_with(&format!("aac,LC,{channels}")), "{name}: {audio}");
        let (sound, picture) = made.ends();
        assert!((sound - picture).abs() < 0.1, "{name}: {sound} {picture}");
    }
}

#[tokio::test]
async fn sound_longer_than_the_picture_is_kept_and_the_last_picture_stays() {
    let clip = Clip::made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=320x180:r=25:d=5 -f lavfi -i sine=440:d=11 -pix_fmt yuv420p -c:v libx264 -g 50 -c:a aac",
    );
    let made = clip.produced(&settings(json!({}))).await;
    assert!(made.plan.reasons[0].contains("the sound goes on after the picture"), "{:?}", made.plan.reasons);
    made.is_sound();
    let (sound, picture) = made.ends();
    assert!((sound - 11.0).abs() < 0.1 && (picture - 11.0).abs() < 0.1, "{sound} {picture}");
}

#[tokio::test]
async fn rates_above_sixty_are_brought_down_evenly() {
    let clip = Clip::of("a.mp4", "320x180", "120", 5.0, &x264("-g 120"));
    let made = clip.produced(&settings(json!({}))).await;
    assert!((made.plan.frame_rate - 60.0).abs() < 1e-9, "{}", made.plan.frame_rate);
    made.is_sound();
    assert_eq!(made.pictures().len(), 300);
}

#[tokio::test]
async fn very_short_clips_come_out_whole() {
    for (frames, rate) in [(1, "25"), (9, "30")] {
        let clip = Clip::made(
            "a.mp4",
            &format!("-f lavfi -i testsrc2=s=320x180:r={rate} -frames:v {frames} -pix_fmt yuv420p -c:v libx264"),
        );
        let made = clip.produced(&settings(json!({}))).await;
        made.is_sound();
        assert_eq!(made.pictures().len(), frames);
        let encoded = clip.then("b.mkv", "", "-c:v mpeg4");
        let made = encoded.produced(&settings(json!({}))).await;
        made.is_sound();
    }
}

#[tokio::test]
async fn a_gif_becomes_a_video() {
    let clip = Clip::made("a.gif", "-f lavfi -i testsrc2=s=161x91:r=10:d=5");
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    assert!((made.duration() - 5.0).abs() < 0.2, "{}", made.duration());
}

#[tokio::test]
async fn a_high_dynamic_range_comes_out_as_bt709() {
    let hdr = "-vf format=yuv420p10le,setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084 \
               -c:v libx264 -preset ultrafast";
    let clip = Clip::made("a.mp4", &format!("-f lavfi -i testsrc2=s=320x180:r=25:d=2 {hdr}"));
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!(made.plan.preparation.tone_map.as_deref(), Some("smpte2084"));
    made.is_sound();
    let entries = ["-show_entries", "stream=pix_fmt,color_space,color_transfer,color_primaries"];
    let colours = ffprobe(&entries, &made.root.join("segment000.ts"));
    assert!(colours.starts_with("yuv420p,bt709,bt709,bt709"), "{colours}");
}

#[tokio::test]
async fn a_ladder_from_a_transport_stream_that_starts_late_is_aligned() {
    let clip = Clip::of("a.ts", "854x480", "25", 13.0, &x264("-bf 2 -g 25"));
    let made = clip.ladder(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Copy, "{:?}", made.plan.reasons);
    assert_eq!(made.produced.renditions.len(), 2);
    made.is_sound();
}

#[tokio::test]
async fn of_a_truncated_file_comes_out_what_is_there() {
    for (name, codec) in
        [("a.mkv", "-c:v mpeg4"), ("b.mp4", "-c:v mpeg4 -movflags +faststart"), ("c.ts", "-c:v mpeg2video")]
    {
        let whole = Clip::of(name, "320x180", "25", 10.0, &format!("{codec} -q:v 3 -c:a aac"));
        let bytes = std::fs::read(&whole.file).unwrap();
        std::fs::write(&whole.file, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let made = whole.produced(&settings(json!({}))).await;
        assert!((4.0..10.1).contains(&made.duration()), "{name}: {}", made.duration());
        made.is_sound();
    }
}
