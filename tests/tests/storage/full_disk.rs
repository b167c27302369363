//! A full disk: what is there plays, small things work, clips wait, and all goes on once there is room.

use std::{path::Path, time::Duration};

use clipset_core::key::MediaKey;
use clipset_tests::{
    client::Client,
    disk::SmallDisk,
    media::Clip,
    namespace::{Own, in_a_namespace},
    stack::Stack,
    wait,
};
use nix::sys::signal::Signal;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{administrator, clip};

const MEGABYTES: u32 = 300;
/// Below the tenth that media leave free, and enough for documents.
const LEFT: u64 = 12 << 20;

async fn problems(admin: &Client) -> Vec<String> {
    let health = admin.get("/api/config/health").await;
    assert_eq!(health["healthy"], health["problems"].as_array().unwrap().is_empty());
    health["problems"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

async fn until_full(admin: &Client) {
    wait::until("the disk to be known as full", Duration::from_secs(20), async || {
        problems(admin).await.contains(&"disk_full".to_owned()).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_segments_come_whole_and_small_things_work() {
    if !in_a_namespace("full_disk::on_a_full_disk_segments_come_whole_and_small_things_work", Own::Mounts) {
        return;
    }
    let stack = Stack::start_on_disk_of(MEGABYTES).await;
    let admin = administrator(&stack).await;
    let (id, segments) = clip(&admin, stack.folder(), "Whole").await;
    let get = async |uri: &str| {
        let answer = admin.request(Method::GET, uri).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().await.unwrap_or_else(|error| panic!("{uri} broke off: {error}"))
    };
    let cached = get(&segments[0]).await;

    stack.disk().fill(LEFT);
    until_full(&admin).await;
    stack.disk().fill(0);
    let bucket = stack.bucket().await;
    for uri in &segments {
        let key = uri.split('?').next().unwrap().trim_start_matches('/');
        let stored = bucket.read_raw(key).await.unwrap().unwrap();
        assert!(get(uri).await == stored, "{key} is not whole");
    }
    assert!(get(&segments[0]).await == cached);
    assert_eq!(admin.status("/healthz").await, 200);

    // Again, for the edge has emptied its cache: not a byte is free, and the bucket's reserve takes the documents.
    stack.disk().fill(0);
    let again = stack.admin().await;
    let change = again.request(Method::PATCH, "/api/config").json(&json!({"cpu_crf": 31})).send().await.unwrap();
    assert_eq!(change.status(), StatusCode::OK);
    again.delete(&id).await;
    wait::until("the clip to be gone", Duration::from_secs(15), async || {
        (again.status(&segments[0]).await == StatusCode::GONE).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_waits_for_space_and_says_so_and_goes_on_once_clips_are_deleted() {
    if !in_a_namespace("full_disk::a_clip_waits_for_space_and_says_so_and_goes_on_once_clips_are_deleted", Own::Mounts)
    {
        return;
    }
    let stack = Stack::start_on_disk_of(MEGABYTES).await;
    let admin = administrator(&stack).await;
    let (old, _) = clip(&admin, stack.folder(), "Old").await;
    wait::until("nothing to be at work", Duration::from_secs(60), async || {
        let jobs = clipset_bucket::Jobs::new(stack.bucket().await);
        jobs.queue().await.ok()?.is_empty().then_some(())
    })
    .await;
    stack.signal("runner", Signal::SIGSTOP);
    let new = admin.upload(&stack.folder().join("clip.mp4"), "New").await;
    stack.disk().fill(LEFT);
    until_full(&admin).await;
    stack.signal("runner", Signal::SIGCONT);

    let path = format!("/api/videos/{new}");
    let waits = |video: &Value| video["note"] == "waits for disk space";
    let video = wait::until("the clip to wait", Duration::from_secs(60), async || {
        let video = admin.get(&path).await;
        waits(&video).then_some(video)
    })
    .await;
    assert_eq!((&video["processing_status"], &video["error"]), (&json!("pending"), &Value::Null));
    assert_eq!(admin.get(&format!("{path}/stream-info")).await["note"], "waits for disk space");
    let told = stack.clipset(&["status", &new]).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stdout).contains("pending, waits for disk space"));
    // However often it is tried: no attempt is counted.
    let bucket = stack.bucket().await;
    let jobs = clipset_bucket::Jobs::new(bucket.clone());
    let job = jobs.of_video(&new.parse().unwrap()).await.unwrap().remove(0);
    assert!(job.attempts <= 1, "{job:?}");

    // Small things work, and a large upload is refused at once, in words.
    stack.admin().await;
    let change = admin.request(Method::PATCH, "/api/config").json(&json!({"cpu_crf": 30})).send().await.unwrap();
    assert_eq!(change.status(), StatusCode::OK);
    let create = json!({"filename": "a.mp4", "type": "video/mp4", "metadata": {"title": "Large", "size": 50 << 20}});
    let refused = admin.request(Method::POST, "/api/s3/multipart").json(&create).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::INSUFFICIENT_STORAGE);
    assert!(refused.json::<Value>().await.unwrap()["detail"].as_str().unwrap().contains("disk is full"));
    assert_eq!(admin.status("/healthz").await, 200);

    // Deletion frees space at once, without a sweep.
    let before = stack.disk().free();
    admin.delete(&old).await;
    wait::until("the deleted clip's space", Duration::from_secs(15), async || {
        (stack.disk().free() > before).then_some(())
    })
    .await;
    let original = MediaKey::Original(video_original(&bucket, &new).await);
    assert!(bucket.size(&original).await.unwrap().is_some(), "only the deleted clip goes");
    stack.disk().make_room();
    admin.ready(&new).await;
    assert_eq!(admin.get(&path).await["note"], Value::Null);
    assert!(problems(&admin).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encode_that_fills_the_disk_waits_too_and_is_begun_again() {
    if !in_a_namespace("full_disk::an_encode_that_fills_the_disk_waits_too_and_is_begun_again", Own::Mounts) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let scratch = folder.path().join("scratch");
    let disk = SmallDisk::mount(&scratch, 200);
    let stack = Stack::start_with(&[("TRANSCODER_SCRATCH", scratch.to_str().unwrap())]).await;
    let admin = administrator(&stack).await;
    // One keyframe: it is encoded, and takes a while.
    let long = Clip { seconds: 16, width: 480, height: 270, keyframes_every: 480 };
    let id = admin.upload(&long.make(stack.folder(), "long.mp4"), "Long").await;
    wait::until("FFmpeg to write", Duration::from_secs(60), async || writes_segments(&scratch).then_some(())).await;
    disk.fill(0);
    let jobs = clipset_bucket::Jobs::new(stack.bucket().await);
    let job = wait::until("the job to wait", Duration::from_secs(100), async || {
        let job = jobs.of_video(&id.parse().unwrap()).await.ok()?.into_iter().next()?;
        job.waits_for().map(|_| job)
    })
    .await;
    assert_eq!((job.attempts, job.writing.len()), (0, 0));
    disk.make_room();
    admin.stream_info_within(&id, 200, |info| info["ready"] == true).await;
}

/// Whether a job's folder holds more than the upload and its lock.
fn writes_segments(scratch: &Path) -> bool {
    let jobs = std::fs::read_dir(scratch).unwrap().flatten();
    let mut files = jobs.filter_map(|job| std::fs::read_dir(job.path()).ok()).flat_map(|files| files.flatten());
    files.any(|file| file.file_name() != "input" && file.file_name() != ".lock")
}

async fn video_original(bucket: &clipset_bucket::Bucket, id: &str) -> clipset_core::id::EncodeId {
    let videos = clipset_bucket::Videos::new(bucket.clone());
    videos.get(&id.parse().unwrap()).await.unwrap().unwrap().value.upload.original.unwrap()
}
