//! From the last byte of an upload to the first that plays: 60 s of 1080p30 H.264/AAC, copied and encoded.
//!
//! `cargo build --release --bins && cargo bench --bench upload` (three minutes)
#![allow(missing_docs)]

use std::time::Instant;

use clipset_tests::{
    client::uris,
    measure::say,
    media::{Clip, frame_hashes},
    stack::Stack,
};

const RUNS: usize = 5;
const LIMIT_SECONDS: f64 = 3.0;

#[tokio::main]
async fn main() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = Clip { seconds: 60, width: 1920, height: 1080, keyframes_every: 60 };
    let copyable = clip.make(stack.folder(), "copyable.mp4");
    say("60 s of 1080p30 with keyframes every 2 s: seconds from the last byte to the first segment served");
    let mut times = Vec::new();
    for run in 0..RUNS {
        let (short_id, last_byte) = client.upload_timed(&copyable, "Copied").await;
        client.ready(&short_id).await;
        let segment = uris(&client.manifest(&short_id).await.expect("a manifest")).swap_remove(0);
        assert_eq!(client.status(&segment).await, 200);
        times.push(last_byte.elapsed().as_secs_f64());
        say(&format!("  {:.2} s", times[run]));
        let playlist = format!("{}/api/videos/{short_id}/hls/master.m3u8?token={}", stack.url, client.token);
        if run == 0 {
            assert_eq!(frame_hashes(&playlist), frame_hashes(&copyable.display().to_string()));
            say("  every decoded picture equals the source's (framemd5)");
        }
        // Its ladder would disturb the next run.
        client.delete(&short_id).await;
    }
    times.sort_by(f64::total_cmp);
    say(&format!("median {:.2} s, slowest {:.2} s (at most {LIMIT_SECONDS})", times[RUNS / 2], times[RUNS - 1]));
    assert!(times[RUNS - 1] <= LIMIT_SECONDS, "publication by copying is too slow");

    let rare = Clip { keyframes_every: 250, ..clip }.make(stack.folder(), "rare.mp4");
    let (short_id, last_byte) = client.upload_timed(&rare, "Encoded").await;
    let begun = Instant::now();
    client.stream_info_within(&short_id, 900, |info| info["ready"] == true).await;
    say(&format!(
        "the same with one keyframe in 250 pictures, encoded as a ladder of three: {:.0} s",
        last_byte.elapsed().max(begun.elapsed()).as_secs_f64()
    ));
}
