//! `clipset doctor`: all is well, and each thing that is not says what to do.

use std::{net::TcpListener, process::Command, time::Duration};

use clipset_core::{id::ShortId, key::DocumentKey};
use clipset_tests::{
    stack::{Stack, program},
    wait,
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// Its exit code, and the findings that are not well, by name.
fn asked(command: &mut Command) -> (i32, Vec<(String, Value)>) {
    let output = command.output().unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    assert!(findings.len() > 7, "{findings:?}");
    let ill = findings.into_iter().filter(|finding| finding["state"] != "ok");
    (
        output.status.code().unwrap(),
        ill.map(|finding| (finding["what"].as_str().unwrap().to_owned(), finding)).collect(),
    )
}

fn names(ill: &[(String, Value)]) -> Vec<&str> {
    assert!(ill.iter().all(|(_, finding)| finding["do"].is_string()), "each says what to do: {ill:?}");
    ill.iter().map(|(name, _)| name.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_wrong_and_nothing_else() {
    let stack = Stack::start().await;
    // The first sweep follows the start.
    let code = wait::until("all to be well", Duration::from_secs(30), async || {
        let (code, ill) = asked(&mut stack.clipset(&["doctor", "--json"]));
        ill.is_empty().then_some(code)
    });
    assert_eq!(code.await, 0);

    // An API that was given another secret than the edge.
    let mut other = stack.clipset(&["doctor", "--json"]);
    other.envs(stack.environment()).env("HLS_SIGNING_SECRET", "fedcba9876543210fedcba9876543210");
    let (code, ill) = asked(&mut other);
    assert_eq!((code, names(&ill)), (1, vec!["secrets"]));

    let video = DocumentKey::Video("damaged123".parse::<ShortId>().unwrap()).to_string();
    stack.bucket().await.write_raw(&video, "{\"cut\":".into()).await.unwrap();
    let (code, ill) = asked(&mut stack.clipset(&["doctor", "--json"]));
    assert_eq!((code, names(&ill)), (1, vec!["records"]));
    assert!(ill[0].1["seen"].as_str().unwrap().contains(&video), "{ill:?}");

    stack.signal("bucket", Signal::SIGSTOP);
    let (code, ill) = asked(&mut stack.clipset(&["doctor", "--json"]));
    stack.signal("bucket", Signal::SIGCONT);
    assert_eq!(code, 1);
    assert!(names(&ill).contains(&"bucket"), "{ill:?}");
}

#[test]
fn where_nothing_runs_the_doctor_looks_at_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut command = Command::new(program("clipset"));
    command
        .args(["doctor", "--json"])
        .env_remove("BUCKET")
        .env("CLIPSET_DATA", folder.path())
        .env("CLIPSET_PORT", port);
    let (code, ill) = asked(&mut command);
    assert_eq!((code, names(&ill)), (1, vec!["port", "system"]));

    command.env("PATH", folder.path());
    let (_, ill) = asked(&mut command);
    assert!(names(&ill).starts_with(&["ffmpeg", "ffprobe", "encoders"]), "{ill:?}");
}
