//! Files with hardly anything in them for long: what is made of them is bounded by what they hold.

use clipset_transcoder::{failure::Failure, plan::Picture};
use serde_json::json;

use crate::world::{Clip, ffprobe, pictures, settings};

const H264: &str = "-fps_mode passthrough -pix_fmt yuv420p -c:v libx264 -preset ultrafast";

async fn refusal(name: &str, made: &str) -> String {
    match Clip::made(name, made).plan(&settings(json!({}))).await.unwrap_err() {
        Failure::Permanent { reason, .. } => reason,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn hours_that_hold_a_few_packets_are_refused_in_words() {
    let picture = |filter: &str| format!("-f lavfi -i testsrc2=s=426x240:r=60:d=1 -vf {filter} {H264}");
    let sound = |codec: &str| format!("-f lavfi -i sine=440:d=3 -af asetpts=PTS+gte(T\\,1.5)*85000/TB -c:a {codec}");
    for (name, made) in [
        ("two.mkv", picture("select=lt(n\\,2),setpts=N*85000/TB")),
        ("two.mp4", picture("select=lt(n\\,2),setpts=N*85000/TB")),
        ("middle.mkv", picture("setpts=PTS+gte(T\\,0.5)*80000/TB")),
        ("late.mkv", format!("-f lavfi -i sine=440:d=1 {} -c:a libopus", picture("setpts=PTS+80000/TB"))),
        ("sound.mka", sound("libopus")),
        ("sound.flac.mka", sound("flac")),
    ] {
        let reason = refusal(name, &made).await;
        assert!(reason.starts_with("The file holds ") && reason.contains(" hours"), "{name}: {reason}");
        assert!(reason.ends_with("more than is made of so little."), "{name}: {reason}");
    }
}

#[tokio::test]
async fn a_pause_gets_a_picture_a_second_and_nothing_is_lost_beside_it() {
    let made = format!("-f lavfi -i testsrc2=s=426x240:r=60:d=4 -vf setpts=PTS+gte(T\\,2)*1196/TB {H264} -g 999");
    let clip = Clip::made("pause.mkv", &made);
    let made = clip.produced(&settings(json!({}))).await;
    assert_eq!(made.plan.picture, Picture::Encode);
    made.is_sound();
    assert!((made.duration() - 1200.0).abs() < 0.1, "{}", made.duration());
    let all = pictures(&made.master()).len();
    assert!((240 + 1190..240 + 1200 + 10).contains(&all), "{all} pictures");
    let times = ffprobe(&["-select_streams", "v:0", "-show_entries", "packet=pts_time"], &made.master());
    let times: Vec<f64> = times.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
    let start = times.iter().copied().fold(f64::MAX, f64::min);
    let at = |time: f64| times.iter().any(|t| (t - start - time).abs() < 0.01);
    assert!(at(1198.0) && at(1198.0 + 1.0 / 60.0), "moves on at its time");
    assert!(clipset_check::check(&made.root).broken().next().is_none());
}

#[tokio::test]
async fn slides_of_half_a_minute_stay_few_pictures() {
    let made = format!(
        "-f lavfi -i testsrc2=s=320x180:r=30:d=0.48 -f lavfi -i anoisesrc=a=0.05:r=48000:d=420 -vf setpts=N*30/TB {H264} -c:a aac -max_interleave_delta 0"
    );
    let clip = Clip::made("slides.mkv", &made);
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    made.is_cut_every_four_seconds();
    assert!((made.duration() - 420.0).abs() < 0.2, "{}", made.duration());
    let all = pictures(&made.master());
    assert!(all.len() < 420 + 14 * 6, "{} pictures", all.len());
    let mut shown = all;
    shown.dedup();
    assert!(shown.len() >= 14, "{} slides", shown.len());
    // The encoder holds back a minute of such pictures; the sound beside them waits.
    for n in [1, 30, 60] {
        let segment = made.root.join(format!("segment{n:03}.ts"));
        let times = ffprobe(&["-select_streams", "a", "-show_entries", "packet=pts_time"], &segment);
        let times: Vec<f64> = times.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect();
        assert!((150..230).contains(&times.len()), "{n}: {} pieces of sound", times.len());
        let from = 4.0 * f64::from(n);
        assert!(times.iter().all(|time| (from - 1.0..from + 5.0).contains(time)), "{n}: {times:?}");
    }
}

#[tokio::test]
async fn what_people_record_keeps_its_rate() {
    let made = format!("-f lavfi -i testsrc2=s=320x180:r=30:d=60 -vf select=lt(mod(t\\,20)\\,4) {H264} -g 999");
    let plan = Clip::made("screen.mkv", &made).plan(&settings(json!({}))).await.unwrap();
    assert!(plan.preparation.pauses.is_empty(), "{:?}", plan.preparation.pauses);
}
