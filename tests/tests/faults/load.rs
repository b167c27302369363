//! People: they upload, watch and delete all the time, and try again what fails.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clipset_core::id::ShortId;
use clipset_tests::{
    client::{Client, uris},
    media::Clip,
    stack::Stack,
};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::ledger::Ledger;

/// So long a person tries the same upload.
const PATIENCE: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_millis(400);

/// Copied, and encoded; small, for there are many.
const CLIPS: [Clip; 2] = [
    Clip { seconds: 8, width: 320, height: 180, keyframes_every: 60 },
    Clip { seconds: 5, width: 320, height: 180, keyframes_every: 250 },
];

/// What they do until some time after `stopped` is true, for what is under way is brought to its end.
pub(crate) async fn prepared(stack: &Stack, ledger: Arc<Ledger>, stopped: watch::Receiver<bool>) -> impl AsyncFnOnce() {
    let client = stack.admin().await;
    let files: Vec<_> =
        CLIPS.iter().enumerate().map(|(index, clip)| clip.make(stack.folder(), &format!("clip{index}.mp4"))).collect();
    let (first, second) = (files[0].clone(), files[1].clone());
    move || async move {
        tokio::join!(
            upload(&client, first, &ledger, stopped.clone()),
            upload(&client, second, &ledger, stopped.clone()),
            watch_clips(&client, &ledger, stopped.clone()),
            delete_some(&client, &ledger, stopped.clone()),
        );
    }
}

async fn upload(client: &Client, file: PathBuf, ledger: &Ledger, stopped: watch::Receiver<bool>) {
    let content = std::fs::read(file).unwrap();
    while !*stopped.borrow() {
        if let Some(clip) = upload_one(client, &content).await {
            ledger.acknowledge(clip);
        }
        tokio::time::sleep(PAUSE * 12).await;
    }
}

/// One upload of one part; `None` if it never came to its end.
async fn upload_one(client: &Client, content: &[u8]) -> Option<ShortId> {
    let deadline = Instant::now() + PATIENCE;
    let metadata = json!({"title": "Under load", "size": content.len().to_string()});
    let create = json!({"filename": "clip.mp4", "type": "video/mp4", "metadata": metadata});
    let created = again(deadline, async || ask(client, Method::POST, "/api/s3/multipart", Some(&create)).await).await?;
    let (key, id) = (created["key"].as_str()?, created["uploadId"].as_str()?);
    let part = format!("/api/s3/multipart/{id}/1?key={key}");
    let etag = again(deadline, async || {
        let signed = ask(client, Method::GET, &part, None).await?;
        let put = reqwest::Client::new().put(signed["url"].as_str()?).body(content.to_vec()).send().await.ok()?;
        if !put.status().is_success() {
            return None;
        }
        put.headers().get("etag")?.to_str().ok().map(str::to_owned)
    });
    let parts = json!({"parts": [{"PartNumber": 1, "ETag": etag.await?}]});
    let complete = format!("/api/s3/multipart/{id}/complete?key={key}");
    let completed = again(deadline, async || ask(client, Method::POST, &complete, Some(&parts)).await).await?;
    completed["short_id"].as_str()?.parse().ok()
}

async fn watch_clips(client: &Client, ledger: &Ledger, stopped: watch::Receiver<bool>) {
    for turn in 0.. {
        if *stopped.borrow() {
            return;
        }
        tokio::time::sleep(PAUSE).await;
        let clips = ledger.kept().acknowledged;
        let Some(clip) = clips.iter().nth(turn % clips.len().max(1)) else { continue };
        let Some(playlist) = client.manifest(clip.as_str()).await else { continue };
        for uri in uris(&playlist) {
            let Ok(answer) = client.request(Method::GET, &uri).send().await else { continue };
            if answer.status() != 200 {
                continue;
            }
            // A connection that breaks is an error that a player sees; a 200 that ends early without one is not.
            if let Ok(bytes) = answer.bytes().await {
                assert!(!bytes.is_empty() && bytes.len() % 188 == 0, "{clip}: a 200 with {} bytes", bytes.len());
                assert!(
                    bytes.chunks(188).all(|packet| packet[0] == 0x47),
                    "{clip}: a 200 with bytes of something else"
                );
            }
        }
    }
}

/// Every fourth clip is deleted some time after its upload.
async fn delete_some(client: &Client, ledger: &Ledger, stopped: watch::Receiver<bool>) {
    while !*stopped.borrow() {
        tokio::time::sleep(PAUSE * 10).await;
        let kept = ledger.kept();
        if kept.acknowledged.len() < 4 * (kept.deleted.len() + 1) {
            continue;
        }
        let Some(clip) = kept.acknowledged.difference(&kept.deleted).next().cloned() else { continue };
        ledger.delete(clip.clone());
        let _ = client.request(Method::DELETE, &format!("/api/videos/{clip}")).send().await;
    }
}

/// The JSON of a success.
async fn ask(client: &Client, method: Method, path: &str, body: Option<&Value>) -> Option<Value> {
    let request = client.request(method, path).timeout(Duration::from_secs(20));
    let request = body.iter().fold(request, |request, body| request.json(body));
    let answer = request.send().await.ok()?;
    if answer.status().is_success() { answer.json().await.ok() } else { None }
}

async fn again<T>(deadline: Instant, mut attempt: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    while Instant::now() < deadline {
        if let Some(done) = attempt().await {
            return Some(done);
        }
        tokio::time::sleep(PAUSE).await;
    }
    None
}
