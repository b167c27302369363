//! `kill -9` at bad moments: the clip gets ready by itself, and nothing is left over.

use std::time::Duration;

use clipset_tests::{
    client::Client,
    media::{Clip, decodes_without_a_warning},
    stack::Stack,
    wait,
};
use serde_json::Value;

/// Needs encoding, which takes some seconds; too small for a ladder.
const LONG: Clip = Clip { seconds: 60, width: 640, height: 360, keyframes_every: 250 };

async fn plays_to_the_end(stack: &Stack, client: &Client, short_id: &str) {
    client.ready(short_id).await;
    decodes_without_a_warning(&format!("{}/api/videos/{short_id}/hls/master.m3u8?token={}", stack.url, client.token));
    stack.maintenance(&["check", short_id]);
}

/// The uuids below which something stands, but for what is published.
fn leaves_no_orphans(stack: &Stack) {
    stack.maintenance(&["sweep"]);
    let second: Value = serde_json::from_slice(&stack.maintenance(&["sweep", "--json"]).stdout).unwrap();
    assert_eq!(second["objects"], 0, "{second}");
}

async fn nothing_to_do(client: &Client, short_id: &str) {
    wait::until("the pictures and the MP4", Duration::from_secs(120), async || {
        let info = client.ready(short_id).await;
        (!info["poster_url"].is_null() && !info["stream_url"].is_null()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_killed_in_mid_encode_is_replaced_and_leaves_nothing() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = LONG.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Killed").await;
    client.stream_info(&short_id, |info| info["progress"].as_f64().is_some_and(|progress| progress > 0.1)).await;
    stack.kill("runner");
    plays_to_the_end(&stack, &client, &short_id).await;
    nothing_to_do(&client, &short_id).await;
    leaves_no_orphans(&stack);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_in_mid_upload_comes_back_and_the_upload_goes_on() {
    let stack = Stack::start().await;
    let clip = Clip { seconds: 20, ..LONG }.make(stack.folder(), "clip.mp4");
    let mut content = std::fs::read(&clip).unwrap();
    // A `free` box behind the film: more bytes on the way, the same film.
    let padding = 60_u32 << 20;
    content.extend(padding.to_be_bytes());
    content.extend(b"free");
    content.resize(content.len() + padding as usize - 8, 7);
    std::fs::write(&clip, &content).unwrap();
    let mut upload =
        stack.clipset(&["upload", "--json"]).arg(&clip).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let state = stack.folder().join("state");
    wait::until("the upload to begin", Duration::from_secs(20), async || {
        let begun = walk(&state);
        (!begun.is_empty()).then_some(())
    })
    .await;
    stack.kill("api");
    let ended = wait::until("the upload to end", Duration::from_secs(60), async || upload.try_wait().unwrap()).await;
    assert!(ended.success());
    let mut told = String::new();
    std::io::Read::read_to_string(upload.stdout.as_mut().unwrap(), &mut told).unwrap();
    let told: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
    let client = stack.admin().await;
    plays_to_the_end(&stack, &client, told["short_id"].as_str().unwrap()).await;
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_killed_in_mid_publish_goes_on_when_it_is_started_again() {
    let mut stack = Stack::start().await;
    let clip = LONG.make(stack.folder(), "clip.mp4");
    let client = stack.admin().await;
    let short_id = client.upload(&clip, "Killed with all").await;
    // Segments arrive in the bucket while FFmpeg is still at work: then.
    client.stream_info(&short_id, |info| info["progress"].as_f64().is_some_and(|progress| progress > 0.3)).await;
    stack.kill_everything().await;
    stack.up().await;
    let client = stack.admin().await;
    plays_to_the_end(&stack, &client, &short_id).await;
    nothing_to_do(&client, &short_id).await;
    leaves_no_orphans(&stack);
}
