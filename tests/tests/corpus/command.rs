//! `clipset check` as a command: on a folder, on a clip of the bucket, and what its exit code says.

use std::{path::Path, process::Output};

use serde_json::{Value, json};

use crate::{
    source::video,
    sources::H264,
    system::{Outcome, System},
};

async fn published() -> (System, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let file = video("clip.mp4", format!("{H264} -c:a aac")).of_size("854x480").make(folder.path());
    let system = System::new(&json!({})).await;
    let outcome = system.outcome_of(&file).await;
    (system, outcome)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_and_a_clip_of_the_bucket_are_checked_alike() {
    let (system, outcome) = published().await;
    let folder = outcome.stream.unwrap();
    let of_folder = system.clipset(&["check", folder.path().to_str().unwrap()]).await;
    assert_eq!(of_folder.status.code(), Some(0), "{}", text(&of_folder));
    let of_clip = system.clipset(&["check", outcome.short_id.as_str()]).await;
    assert_eq!(of_clip.status.code(), Some(0), "{}", text(&of_clip));
    assert_eq!(text(&of_clip), text(&of_folder));
    assert!(text(&of_clip).contains("\naligned                 pass  "), "{}", text(&of_clip));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_rule_is_exit_code_1_and_stands_in_the_table_and_in_the_json() {
    let (system, outcome) = published().await;
    let folder = outcome.stream.unwrap();
    let playlist = folder.path().join("360p/playlist.m3u8");
    let whole = std::fs::read_to_string(&playlist).unwrap();
    std::fs::write(&playlist, whole.replace("#EXT-X-ENDLIST\n", "")).unwrap();
    let place = folder.path().to_str().unwrap();
    let table = system.clipset(&["check", place]).await;
    assert_eq!(table.status.code(), Some(1));
    assert!(text(&table).contains("\nendlist                 FAIL  360p has no end\n"), "{}", text(&table));
    assert_eq!(String::from_utf8_lossy(&table.stderr), "clipset: the stream breaks what must hold: endlist\n");
    let answer = system.clipset(&["check", place, "--json"]).await;
    assert_eq!(answer.status.code(), Some(1));
    let answer: Value = serde_json::from_slice(&answer.stdout).unwrap();
    let broken = answer["findings"].as_array().unwrap().iter().filter(|finding| finding["verdict"] == "fail");
    let broken: Vec<&Value> = broken.map(|finding| &finding["rule"]).collect();
    assert_eq!((&answer["clean"], &broken[..]), (&json!(false), &[&json!("endlist")][..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_target_is_bad_usage_and_an_unknown_clip_a_failure() {
    let system = System::new(&json!({})).await;
    assert!(!Path::new("no/such/folder").exists());
    for arguments in [&["check"][..], &["check", "no/such/folder"], &["check", "a", "b"]] {
        assert_eq!(system.clipset(arguments).await.status.code(), Some(2), "{arguments:?}");
    }
    let unknown = system.clipset(&["check", "AAAAAAAAAA"]).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&unknown.stderr), "clipset: there is no clip AAAAAAAAAA\n");
}
