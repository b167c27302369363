//! Files that are damaged, very short or very long.

use clipset_transcoder::{failure::Failure, plan::Picture};
use serde_json::json;

use crate::world::{Clip, settings};

#[tokio::test]
async fn a_copyable_file_that_broke_off_is_decoded_as_far_as_it_goes() {
    for (name, options) in [("a.mp4", "-movflags +faststart"), ("b.mkv", ""), ("c.flv", "")] {
        let codecs = format!("-c:v libx264 -preset ultrafast -g 60 -c:a aac {options}");
        let whole = Clip::of(name, "320x180", "30", 10.0, &codecs);
        let bytes = std::fs::read(&whole.file).unwrap();
        std::fs::write(&whole.file, &bytes[..bytes.len() * 6 / 10 + 77]).unwrap();
        let made = whole.produced(&settings(json!({}))).await;
        assert_eq!(made.plan.picture, Picture::Encode, "{name}");
        assert!(made.plan.reasons[0].contains("breaks off before its end"), "{name}: {:?}", made.plan.reasons);
        assert!((5.0..7.0).contains(&made.duration()), "{name}: {}", made.duration());
        made.is_sound();
    }
}

#[tokio::test]
async fn a_torn_end_that_no_container_tells_of_is_found_by_decoding_it() {
    for (name, options) in [("a.ts", ""), ("b.mp4", "-movflags frag_keyframe+empty_moov")] {
        let codecs = format!("-c:v libx264 -preset veryfast -bf 2 -g 50 -c:a aac {options}");
        let whole = Clip::of(name, "640x360", "25", 10.0, &codecs);
        let good = whole.produced(&settings(json!({}))).await;
        assert_eq!((good.plan.picture, good.plan.end_unsure), (Picture::Copy, true), "{name}: {:?}", good.plan.reasons);
        let bytes = std::fs::read(&whole.file).unwrap();
        std::fs::write(&whole.file, &bytes[..bytes.len() * 6 / 10]).unwrap();
        let plan = whole.plan(&settings(json!({}))).await.unwrap();
        if plan.picture == Picture::Copy {
            let failed = whole.produced_by(plan, &settings(json!({})), 1).await.unwrap_err();
            assert_eq!(failed, Failure::NotCopyable("the file breaks off before its end".into()), "{name}");
        }
    }
}

#[tokio::test]
async fn holes_in_a_file_are_bridged() {
    let clip = Clip::of("a.ts", "320x180", "25", 10.0, "-c:v mpeg2video -q:v 3 -g 12 -c:a mp2");
    let mut bytes = std::fs::read(&clip.file).unwrap();
    let holes = [bytes.len() / 3, bytes.len() / 2];
    for at in holes {
        bytes[at..at + 9_000].fill(0x55);
    }
    std::fs::write(&clip.file, &bytes).unwrap();
    let made = clip.produced(&settings(json!({}))).await;
    assert!((made.duration() - 10.0).abs() < 0.2, "{}", made.duration());
    assert!(!made.produced.warnings.is_empty(), "FFmpeg speaks of it");
    made.is_sound();
}

#[tokio::test]
async fn a_picture_that_hardly_decodes_gives_what_there_is() {
    let clip = Clip::of("a.mkv", "320x180", "25", 4.0, "-c:v mjpeg -q:v 3 -c:a pcm_s16le");
    let mut bytes = std::fs::read(&clip.file).unwrap();
    // Nine of ten JPEGs lose their beginning.
    let starts: Vec<usize> =
        bytes.windows(3).enumerate().filter(|(_, w)| w == b"\xff\xd8\xff").map(|(at, _)| at).collect();
    for (n, at) in starts.into_iter().enumerate() {
        if n % 10 != 0 {
            bytes[at..at + 200].fill(0);
        }
    }
    std::fs::write(&clip.file, &bytes).unwrap();
    let made = clip.produced(&settings(json!({}))).await;
    assert!(made.duration() > 3.0, "{}", made.duration());
    made.is_sound();
}

#[tokio::test]
async fn a_third_of_a_second_with_sound_comes_out_whole() {
    for codec in ["-c:v libx264 -preset ultrafast", "-c:v mpeg4"] {
        let clip = Clip::of("a.mp4", "320x180", "30", 0.3, &format!("{codec} -c:a aac"));
        let made = clip.produced(&settings(json!({}))).await;
        made.is_sound();
        assert_eq!(made.pictures().len(), 9);
    }
}

#[tokio::test]
async fn one_picture_of_a_gif_is_a_clip() {
    let clip = Clip::made("a.gif", "-f lavfi -i testsrc2=s=160x90:r=10:d=1 -frames:v 1");
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    assert!(made.duration() > 0.0);
}

#[tokio::test]
async fn half_a_day_is_copied_and_cut_as_a_minute_is() {
    let minute = Clip::made(
        "a.mp4",
        "-f lavfi -i testsrc2=s=64x36:r=1:d=60 -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 4",
    );
    let long = minute.then("b.mp4", "-stream_loop 719", "-c copy");
    let made = long.produced(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Copy, "{:?}", made.plan.reasons);
    assert!((made.duration() - 43_200.0).abs() < 1.5, "{}", made.duration());
    assert_eq!(made.produced.renditions[0].segments.len(), 10_800);
    made.is_cut_every_four_seconds();
}
