//! Uploads that are stopped and go on.

use std::{process::Stdio, time::Duration};

use clipset_tests::{media::Clip, stack::Stack};
use rand::RngExt;
use reqwest::Method;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn twenty_uploads_killed_at_random_moments_and_repeated_arrive_whole() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    // 24 MB that differ in each run: three parts.
    let clip = Clip { seconds: 4, width: 640, height: 360, keyframes_every: 60 }.make(stack.folder(), "head.mp4");
    let mut resumed = 0;
    for run in 0..20 {
        let mut content = std::fs::read(&clip).unwrap();
        content.resize(24 << 20, run as u8);
        rand::rng().fill(&mut content[10 << 20..]);
        let file = stack.folder().join(format!("clip{run}.mp4"));
        std::fs::write(&file, &content).unwrap();
        let title = format!("Run {run}");
        let upload = || {
            let mut command = stack.clipset(&["upload", "--json", "--title", &title]);
            command.arg(&file).stdout(Stdio::piped()).stderr(Stdio::null()).stdin(Stdio::null());
            command
        };
        let mut child = upload().spawn().unwrap();
        let moment = Duration::from_millis(rand::rng().random_range(5..700));
        let ended = tokio::time::timeout(moment, async {
            while child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        resumed += u32::from(ended.await.is_err());
        child.kill().unwrap();
        child.wait().unwrap();

        let output = upload().output().unwrap();
        assert!(output.status.success(), "run {run} was not taken up");
        let told: Value = serde_json::from_slice(output.stdout.split(|b| *b == b'\n').next().unwrap()).unwrap();
        let short_id = told["short_id"].as_str().unwrap();
        let original = client.request(Method::GET, &format!("/api/videos/{short_id}/original")).send().await.unwrap();
        let location = original.headers()["location"].to_str().unwrap().to_owned();
        let arrived = reqwest::get(location).await.unwrap().bytes().await.unwrap();
        assert!(arrived == content, "run {run} arrived changed");
        // Done with it: the runner need not work on it.
        client.delete(short_id).await;
        std::fs::remove_file(&file).unwrap();
    }
    assert!(resumed >= 5, "only {resumed} of 20 were killed before their end");
}
