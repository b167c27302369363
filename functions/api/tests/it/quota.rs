//! What a member may upload in seven days, to the byte.

use clipset_core::{Timestamp, key::DocumentKey, quota::Quota, settings::SettingsDocument};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

const SIZE: u64 = (3 << 20) + 17;

/// An application whose members may upload `limit` bytes a week.
async fn limited(limit: u64) -> TestApp {
    let app = TestApp::start().await;
    let mut document = SettingsDocument::default();
    document.settings.weekly_upload_limit_bytes = limit.try_into().unwrap();
    app.service.bucket.put(&DocumentKey::Settings, &document).await.unwrap();
    app
}

async fn begin(app: &TestApp, size: u64) -> Answer {
    let asked = json!({"filename": "clip.mp4", "metadata": {"size": size}});
    app.post("/api/s3/multipart").bearer(&app.ada()).json(asked).await
}

async fn used(app: &TestApp) -> u64 {
    let key = DocumentKey::Quota("ada".parse().unwrap());
    let quota = app.service.bucket.read::<Quota>(&key).await.unwrap();
    quota.map_or(0, |quota| quota.value.used(Timestamp::now()))
}

async fn send(app: &TestApp, upload: &Value, bytes: usize) -> Value {
    let (id, key) = (upload["uploadId"].as_str().unwrap(), upload["key"].as_str().unwrap());
    let signed = app.get(&format!("/api/s3/multipart/{id}/1?key={key}")).bearer(&app.ada()).await.expect(200).json();
    let put = app.http.put(signed["url"].as_str().unwrap()).body(vec![7; bytes]).send().await.unwrap();
    let etag = put.headers()["etag"].to_str().unwrap().to_owned();
    json!({"parts": [{"PartNumber": 1, "ETag": etag}]})
}

async fn complete(app: &TestApp, upload: &Value, parts: &Value) -> Answer {
    let (id, key) = (upload["uploadId"].as_str().unwrap(), upload["key"].as_str().unwrap());
    app.post(&format!("/api/s3/multipart/{id}/complete?key={key}")).bearer(&app.ada()).json(parts).await
}

#[tokio::test]
async fn of_twenty_uploads_at_once_by_several_processes_as_many_begin_as_there_is_room_for() {
    // Room for seven, and all but one byte of an eighth.
    let app = limited(8 * SIZE - 1).await;
    let mut processes = Vec::new();
    for _ in 0..4 {
        processes.push(app.restarted().await);
    }
    let answers = join_all((0..20).map(|n| begin(&processes[n % 4], SIZE))).await;
    let (accepted, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((accepted.len(), refused.len()), (7, 13));
    assert_eq!(used(&app).await, 7 * SIZE);
    for answer in refused {
        let problem = answer.expect(413).json();
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("MB that you may upload in seven days 3.1 MB are left")
                && detail.contains("there will be room for it on"),
            "{detail}"
        );
    }
    begin(&app, SIZE).await.expect(413);
    begin(&app, SIZE - 1).await.expect(200);
    assert_eq!(used(&app).await, 8 * SIZE - 1);
    begin(&app, 1).await.expect(413);
    // Another member has a week of their own.
    let asked = json!({"filename": "clip.mp4", "metadata": {"size": SIZE}});
    app.post("/api/s3/multipart").bearer(&app.bob()).json(asked).await.expect(200);
}

#[tokio::test]
async fn an_upload_that_is_given_up_gives_its_bytes_back_and_one_that_is_whole_does_not() {
    let app = limited(SIZE).await;
    let upload = begin(&app, SIZE).await.expect(200).json();
    begin(&app, 1).await.expect(413);
    let (id, key) = (upload["uploadId"].as_str().unwrap(), upload["key"].as_str().unwrap());
    app.delete(&format!("/api/s3/multipart/{id}?key={key}")).bearer(&app.ada()).await.expect(200);
    assert_eq!(used(&app).await, 0);
    let upload = begin(&app, SIZE).await.expect(200).json();
    let short_id = upload["short_id"].as_str().unwrap();
    app.delete(&format!("/api/videos/{short_id}")).bearer(&app.ada()).await.expect(204);
    assert_eq!(used(&app).await, 0);
    let upload = begin(&app, SIZE).await.expect(200).json();
    let parts = send(&app, &upload, SIZE as usize).await;
    for _ in 0..2 {
        complete(&app, &upload, &parts).await.expect(200);
    }
    let short_id = upload["short_id"].as_str().unwrap();
    app.delete(&format!("/api/videos/{short_id}")).bearer(&app.ada()).await.expect(204);
    assert_eq!(used(&app).await, SIZE);
}
