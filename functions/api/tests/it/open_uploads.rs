//! How many uploads a member may have open, and which one ends for a new one.

use clipset_core::{
    Timestamp,
    id::ShortId,
    key::{DocumentKey, MediaKey},
    quota::Quota,
    video::{MOST_OPEN_UPLOADS, Phase, SILENT_AFTER, Video},
};
use futures_util::future::join_all;
use http::StatusCode;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn begin(app: &TestApp) -> Answer {
    let asked = json!({"filename": "clip.mp4", "metadata": {"size": 3}});
    app.post("/api/s3/multipart").bearer(&app.ada()).json(asked).await
}

async fn begin_many(app: &TestApp, count: usize) -> Vec<Value> {
    let mut begun = Vec::new();
    for _ in 0..count {
        begun.push(begin(app).await.expect(200).json());
    }
    begun
}

fn id(begun: &Value) -> ShortId {
    begun["short_id"].as_str().unwrap().parse().unwrap()
}

fn part(begun: &Value) -> String {
    let (id, key) = (begun["uploadId"].as_str().unwrap(), begun["key"].as_str().unwrap());
    format!("/api/s3/multipart/{id}/1?key={key}")
}

async fn sign(app: &TestApp, begun: &Value) -> Answer {
    app.get(&part(begun)).bearer(&app.ada()).await
}

/// As if it had been begun, and its last part signed, so many minutes ago.
async fn silent_for(app: &TestApp, begun: &Value, minutes: i64) {
    let silence = |video: &mut Video| {
        video.created_at = Timestamp::now() - SignedDuration::from_mins(minutes);
        video.part_at = video.part_at.map(|_| video.created_at);
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.videos.update(&id(begun), silence).await.unwrap();
}

async fn is_open(app: &TestApp, begun: &Value) -> bool {
    app.service.videos.get(&id(begun)).await.unwrap().is_some_and(|found| found.value.phase == Phase::Uploading)
}

async fn open(app: &TestApp) -> usize {
    let key = DocumentKey::Quota("ada".parse().unwrap());
    app.service.bucket.read::<Quota>(&key).await.unwrap().map_or(0, |quota| quota.value.open().count())
}

#[tokio::test]
async fn of_twenty_begun_at_once_beside_fifteen_that_are_open_five_begin() {
    let app = TestApp::start().await;
    begin_many(&app, 15).await;
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(app.restarted().await);
    }
    let answers = join_all((0..20).map(|n| begin(&processes[n % 4]))).await;
    let (begun, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((begun.len(), refused.len()), (5, 15));
    assert_eq!(open(&app).await, MOST_OPEN_UPLOADS);
    for answer in refused {
        let answer = answer.expect(429);
        let wait: i64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=SILENT_AFTER.as_secs()).contains(&wait), "{wait}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("20 uploads open"), "{}", answer.body);
    }
    // Another member has room of their own, and one that ends makes room.
    let asked = json!({"filename": "clip.mp4", "metadata": {"size": 3}});
    app.post("/api/s3/multipart").bearer(&app.bob()).json(asked).await.expect(200);
    let ended = begun[0].json();
    app.delete(&format!("/api/videos/{}", id(&ended))).bearer(&app.ada()).await.expect(204);
    begin(&app).await.expect(200);
    begin(&app).await.expect(429);
}

#[tokio::test]
async fn the_one_that_was_silent_longest_ends_for_a_new_one_and_its_signed_addresses_with_it() {
    let app = TestApp::start().await;
    let begun = begin_many(&app, MOST_OPEN_UPLOADS).await;
    let url = sign(&app, &begun[7]).await.expect(200).json()["url"].as_str().unwrap().to_owned();
    for (index, minutes) in [(3, 59), (5, 90), (7, 120)] {
        silent_for(&app, &begun[index], minutes).await;
    }
    begin(&app).await.expect(200);
    assert!(!is_open(&app, &begun[7]).await && is_open(&app, &begun[5]).await);
    assert_eq!(app.http.put(url).body("end").send().await.unwrap().status(), 404);
    sign(&app, &begun[7]).await.expect(404);
    begin(&app).await.expect(200);
    assert!(!is_open(&app, &begun[5]).await);
    begin(&app).await.expect(429);
    assert!(is_open(&app, &begun[3]).await, "it was not silent for an hour");
    assert_eq!(open(&app).await, MOST_OPEN_UPLOADS);
}

#[tokio::test]
async fn as_many_silent_ones_end_as_new_ones_begin() {
    let app = TestApp::start().await;
    let begun = begin_many(&app, MOST_OPEN_UPLOADS).await;
    for upload in &begun[..8] {
        silent_for(&app, upload, 100).await;
    }
    let answers = join_all((0..6).map(|_| begin(&app))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    let mut still_open = 0;
    for upload in &begun {
        still_open += usize::from(is_open(&app, upload).await);
    }
    assert_eq!((still_open, open(&app).await), (MOST_OPEN_UPLOADS - 6, MOST_OPEN_UPLOADS));
}

#[tokio::test]
async fn a_part_that_is_signed_or_stored_breaks_the_silence() {
    let app = TestApp::start().await;
    let begun = begin_many(&app, MOST_OPEN_UPLOADS).await;
    // Stored just now, by an address of long ago.
    let url = sign(&app, &begun[0]).await.expect(200).json()["url"].as_str().unwrap().to_owned();
    assert_eq!(app.http.put(url).body("end").send().await.unwrap().status(), 200);
    silent_for(&app, &begun[0], 300).await;
    // Signed just now.
    silent_for(&app, &begun[1], 200).await;
    sign(&app, &begun[1]).await.expect(200);
    let asked = Timestamp::now();
    begin(&app).await.expect(429);
    assert!(is_open(&app, &begun[0]).await && is_open(&app, &begun[1]).await);
    let video = app.service.video(&id(&begun[1])).await.unwrap();
    assert!(video.part_at.is_some_and(|at| at <= asked));
    sign(&app, &begun[1]).await.expect(200);
    assert_eq!(app.service.video(&id(&begun[1])).await.unwrap(), video, "not a write for each part");
}

#[tokio::test]
async fn what_a_kill_left_in_the_count_makes_room() {
    let app = TestApp::start().await;
    let begun = begin_many(&app, MOST_OPEN_UPLOADS).await;
    // Put together and never told to the video: it is no silent upload, whatever its age.
    let video = app.service.video(&id(&begun[0])).await.unwrap();
    let key = MediaKey::Original(video.upload.original.unwrap());
    let url = sign(&app, &begun[0]).await.expect(200).json()["url"].as_str().unwrap().to_owned();
    app.http.put(url).body("end").send().await.unwrap();
    let parts = app.service.bucket.parts(&key, &video.upload.upload_id).await.unwrap();
    app.service.bucket.complete_upload(&key, &video.upload.upload_id, &parts).await.unwrap();
    silent_for(&app, &begun[0], 300).await;
    begin(&app).await.expect(429);
    assert!(is_open(&app, &begun[0]).await);
    // Deleted, and what it had reserved not given back; complete, and not settled.
    let delete = |video: &mut Video| {
        video.delete(Timestamp::now());
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.videos.update(&id(&begun[1]), delete).await.unwrap();
    app.service
        .videos
        .update(&id(&begun[2]), |video| video.complete_upload(3, crate::app::job(video, 1)))
        .await
        .unwrap();
    for _ in 0..2 {
        begin(&app).await.expect(200);
    }
    begin(&app).await.expect(429);
}
