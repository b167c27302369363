//! Uploads, over the road that Uppy's client takes.

use clipset_core::{
    account::Role,
    id::{JobId, ShortId},
    job::JobState,
    key::MediaKey,
    settings::Settings,
    video::{Phase, Video},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, PUBLIC_URL, TestApp};

const MIB: usize = 1 << 20;

/// An upload that was begun.
struct Begun {
    key: String,
    id: String,
    short_id: ShortId,
}

impl Begun {
    fn at(&self, end: &str) -> String {
        format!("/api/s3/multipart/{}{end}{}key={}", self.id, if end.contains('?') { "&" } else { "?" }, self.key)
    }
}

async fn begin(app: &TestApp, token: &str, metadata: Value) -> Begun {
    let asked = json!({"filename": "The lake.mp4", "type": "video/mp4", "metadata": metadata});
    let answer = app.post("/api/s3/multipart").bearer(token).json(asked).await.expect(200).json();
    Begun {
        key: answer["key"].as_str().unwrap().into(),
        id: answer["uploadId"].as_str().unwrap().into(),
        short_id: answer["short_id"].as_str().unwrap().parse().unwrap(),
    }
}

/// Puts a part where the API says; gives it as the completing request names it.
async fn send(app: &TestApp, token: &str, upload: &Begun, number: u32, body: Vec<u8>) -> Value {
    let signed = app.get(&upload.at(&format!("/{number}"))).bearer(token).await.expect(200).json();
    assert_eq!(signed["expires"], 3600);
    let put = app.http.put(signed["url"].as_str().unwrap()).body(body).send().await.unwrap();
    assert_eq!(put.status(), 200);
    let etag = put.headers()["etag"].to_str().unwrap().trim_matches('"').to_owned();
    json!({"PartNumber": number, "ETag": etag})
}

async fn complete(app: &TestApp, token: &str, upload: &Begun, parts: &[Value]) -> Answer {
    app.post(&upload.at("/complete")).bearer(token).json(json!({"parts": parts})).await
}

#[tokio::test]
async fn a_file_goes_the_whole_road() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({"title": "  By the lake ", "size": 5 * MIB + 3})).await;
    assert!(upload.key.starts_with("originals/"));
    let video = app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(200).json();
    assert_eq!(video["title"], "By the lake");
    assert_eq!((&video["processing_status"], &video["size_bytes"]), (&json!("uploading"), &Value::Null));

    let parts =
        [send(&app, &ada, &upload, 1, vec![7; 5 * MIB]).await, send(&app, &ada, &upload, 2, b"end".to_vec()).await];
    let listed = app.get(&upload.at("")).bearer(&ada).await.expect(200).json();
    assert_eq!(listed[0]["PartNumber"], 1);
    assert_eq!((&listed[0]["Size"], &listed[1]["Size"]), (&json!(5 * MIB), &json!(3)));
    assert_eq!(listed[1]["ETag"].as_str().unwrap().trim_matches('"'), parts[1]["ETag"]);

    let done = complete(&app, &ada, &upload, &parts).await.expect(200).json();
    let location = format!("{PUBLIC_URL}/v/{}", upload.short_id);
    assert_eq!(done, json!({"location": location, "key": upload.key, "short_id": upload.short_id}));
    let video = app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(200).json();
    assert_eq!((&video["processing_status"], &video["size_bytes"]), (&json!("pending"), &json!(5 * MIB + 3)));
    let key = MediaKey::Original(upload.key.strip_prefix("originals/").unwrap().parse().unwrap());
    assert_eq!(app.service.bucket.size(&key).await.unwrap(), Some(5 * MIB as u64 + 3));
    let queue = app.service.jobs.queue().await.unwrap();
    assert_eq!(queue.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("{}-first-1", upload.short_id)]);
    assert_eq!(app.service.jobs.get(&queue[0]).await.unwrap().unwrap().state, JobState::Waiting);
}

#[tokio::test]
async fn the_title_is_the_files_name_unless_one_is_given() {
    let app = TestApp::start().await;
    let upload = begin(&app, &app.ada(), json!({"name": "The lake.mp4", "relativePath": null})).await;
    let video = app.service.video(&upload.short_id).await.unwrap();
    assert_eq!((video.title.as_str(), video.upload.file_name.as_str()), ("The lake", "The lake.mp4"));
    let asked = json!({"filename": "x.mp4", "type": "video/mp4", "metadata": {"title": "x".repeat(201)}});
    app.post("/api/s3/multipart").bearer(&app.ada()).json(asked).await.expect(422);
}

#[tokio::test]
async fn completing_again_gives_the_same_answer_and_one_job() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"all of it".to_vec()).await];
    let racing = join_all((0..8).map(|_| complete(&app, &ada, &upload, &parts))).await;
    let answers: Vec<_> = racing.into_iter().map(|answer| answer.expect(200).json()).collect();
    let again = complete(&app.restarted().await, &ada, &upload, &parts).await.expect(200).json();
    assert!(answers.iter().all(|answer| *answer == again));
    assert_eq!(app.service.jobs.queue().await.unwrap().len(), 1);
    // A client that never got an answer asks for the parts first.
    let listed = app.get(&upload.at("")).bearer(&ada).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!((&listed[0]["PartNumber"], &listed[0]["Size"]), (&json!(1), &json!(9)));
    app.get(&upload.at("/2")).bearer(&ada).await.expect(409);
}

#[tokio::test]
async fn an_upload_killed_at_any_step_is_completed_by_a_repetition() {
    let app = TestApp::start().await;
    let ada = app.ada();
    // Killed after the object was put together, before the video knew.
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"all of it".to_vec()).await];
    let video = app.service.video(&upload.short_id).await.unwrap();
    let key = MediaKey::Original(video.upload.original.unwrap());
    let arrived = app.service.bucket.parts(&key, &video.upload.upload_id).await.unwrap();
    app.service.bucket.complete_upload(&key, &video.upload.upload_id, &arrived).await.unwrap();
    app.get(&upload.at("")).bearer(&ada).await.expect(200);
    complete(&app, &ada, &upload, &parts).await.expect(200);
    assert_eq!(app.service.video(&upload.short_id).await.unwrap().size_bytes, Some(9));
    assert_eq!(app.service.jobs.queue().await.unwrap().len(), 1);

    // Killed after the video knew, before its job was in the queue.
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"all of it".to_vec()).await];
    let id: JobId = format!("{}-first-1", upload.short_id).parse().unwrap();
    let pend = |video: &mut Video| video.complete_upload(9, JobId::clone(&id));
    let known = app.service.videos.update(&upload.short_id, pend).await.unwrap();
    assert_eq!(known.phase, Phase::Pending);
    complete(&app, &ada, &upload, &parts).await.expect(200);
    assert_eq!(app.service.jobs.queue().await.unwrap().len(), 2);
}

#[tokio::test]
async fn completing_again_works_after_the_original_was_removed() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"all of it".to_vec()).await];
    let first = complete(&app, &ada, &upload, &parts).await.expect(200).json();
    let remove = |video: &mut Video| {
        video.upload.original = None;
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.videos.update(&upload.short_id, remove).await.unwrap();
    assert_eq!(complete(&app, &ada, &upload, &parts).await.expect(200).json(), first);
    app.get(&upload.at("")).bearer(&ada).await.expect(404);
    app.delete(&upload.at("")).bearer(&ada).await.expect(409);
}

#[tokio::test]
async fn an_interrupted_upload_goes_on_where_it_was() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    send(&app, &ada, &upload, 1, vec![1; 5 * MIB]).await;
    let app = app.restarted().await;
    let listed = app.get(&upload.at("")).bearer(&ada).await.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let first = json!({"PartNumber": 1, "ETag": listed[0]["ETag"]});
    let second = send(&app, &ada, &upload, 2, vec![2; 10]).await;
    complete(&app, &ada, &upload, &[first, second]).await.expect(200);
}

#[tokio::test]
async fn many_parts_are_signed_at_once() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let signed = app.get(&upload.at("/batch?partNumbers=1,2,10000")).bearer(&ada).await.expect(200).json();
    let urls = signed["presignedUrls"].as_object().unwrap();
    assert_eq!(urls.len(), 3);
    let put = app.http.put(urls["2"].as_str().unwrap()).body("x").send().await.unwrap();
    assert_eq!(put.status(), 200);
    for bad in ["", "1,x", "0", "10001", "1,,2"] {
        app.get(&upload.at(&format!("/batch?partNumbers={bad}"))).bearer(&ada).await.expect(422);
    }
    let many = vec!["1"; 1001].join(",");
    app.get(&upload.at(&format!("/batch?partNumbers={many}"))).bearer(&ada).await.expect(422);
    app.get(&upload.at("/batch")).bearer(&ada).await.expect(422);
    for bad in ["/0", "/10001", "/x"] {
        app.get(&upload.at(bad)).bearer(&ada).await.expect(422);
    }
}

#[tokio::test]
async fn an_aborted_upload_is_gone() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"x".to_vec()).await];
    assert_eq!(app.delete(&upload.at("")).bearer(&ada).await.expect(200).json(), json!({}));
    app.delete(&upload.at("")).bearer(&ada).await.expect(200);
    app.get(&upload.at("")).bearer(&ada).await.expect(404);
    app.get(&upload.at("/1")).bearer(&ada).await.expect(404);
    complete(&app, &ada, &upload, &parts).await.expect(404);
    app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(404);
    let listed = app.get("/api/videos").bearer(&ada).await.expect(200).json();
    assert_eq!(listed["videos"], json!([]));
}

#[tokio::test]
async fn deleting_a_video_ends_its_upload() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let signed = app.get(&upload.at("/1")).bearer(&ada).await.expect(200).json();
    app.delete(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(204);
    let put = app.http.put(signed["url"].as_str().unwrap()).body("x").send().await.unwrap();
    assert_eq!(put.status(), 404);
}

#[tokio::test]
async fn a_complete_upload_is_not_aborted() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, b"x".to_vec()).await];
    complete(&app, &ada, &upload, &parts).await.expect(200);
    app.delete(&upload.at("")).bearer(&ada).await.expect(409);
    app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(200);
}

#[tokio::test]
async fn only_its_owner_touches_an_upload() {
    let app = TestApp::start().await;
    let upload = begin(&app, &app.ada(), json!({})).await;
    for (token, status) in [(app.bob(), 404), (app.root(), 403)] {
        app.get(&upload.at("")).bearer(&token).await.expect(status);
        app.get(&upload.at("/1")).bearer(&token).await.expect(status);
        app.get(&upload.at("/batch?partNumbers=1")).bearer(&token).await.expect(status);
        app.delete(&upload.at("")).bearer(&token).await.expect(status);
        complete(&app, &token, &upload, &[]).await.expect(status);
    }
    for path in [upload.at(""), upload.at("/1")] {
        app.get(&path).await.expect(401);
    }
    app.post("/api/s3/multipart").json(json!({"filename": "x.mp4"})).await.expect(401);
    let other = begin(&app, &app.ada(), json!({})).await;
    let mixed = Begun { key: other.key, id: upload.id.clone(), short_id: upload.short_id.clone() };
    app.get(&mixed.at("/1")).bearer(&app.ada()).await.expect(404);
    let unknown = Begun { key: upload.key.clone(), id: "bm90aGluZw".into(), short_id: upload.short_id };
    app.get(&unknown.at("/1")).bearer(&app.ada()).await.expect(404);
    app.get(&format!("/api/s3/multipart/{}/1", upload.id)).bearer(&app.ada()).await.expect(422);
}

#[tokio::test]
async fn the_session_cookie_counts_from_our_own_pages_and_is_not_rotated() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    let body = json!({"filename": "x.mp4", "type": "video/mp4", "metadata": {}});
    let ask = || app.post("/api/s3/multipart").header("cookie", &cookie).json(&body);
    for ours in [("origin", PUBLIC_URL), ("sec-fetch-site", "same-origin")] {
        let answer = ask().header(ours.0, ours.1).await.expect(200);
        assert!(answer.header("set-cookie").is_none());
        let video = app.service.video(&answer.json()["short_id"].as_str().unwrap().parse().unwrap()).await.unwrap();
        assert_eq!(video.owner.as_str(), "ada");
    }
    for other in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "same-site")] {
        ask().header(other.0, other.1).await.expect(403);
    }
    ask().header("authorization", "Bearer nonsense").await.expect(401);
    app.post("/api/auth/refresh").header("cookie", &cookie).await.expect(200);
    app.get("/api/videos").header("cookie", &cookie).await.expect(401);
}

#[tokio::test]
async fn sizes_are_checked_at_the_begin_and_at_the_end() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let most = 1 << 20;
    let change = json!({"max_file_size_bytes": most});
    app.patch("/api/config").bearer(&app.root()).json(change).await.expect(200);
    let ask = |size: Value| {
        let body = json!({"filename": "x.mp4", "type": "video/mp4", "metadata": {"size": size}});
        app.post("/api/s3/multipart").bearer(&ada).json(body)
    };
    ask(json!(most)).await.expect(200);
    ask(json!(most + 1)).await.expect(413);
    ask(json!((most + 1).to_string())).await.expect(413);
    ask(json!(0)).await.expect(422);
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, vec![0; most + 1]).await];
    complete(&app, &ada, &upload, &parts).await.expect(413);
    complete(&app, &ada, &upload, &parts).await.expect(404);
    app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(404);
    assert!(app.service.bucket.keys("originals/").await.unwrap().is_empty());
    assert_eq!(Settings::default().max_file_size_bytes, 10 << 30);
}

#[tokio::test]
async fn administrators_see_what_each_member_keeps() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    let parts = [send(&app, &ada, &upload, 1, vec![0; 1000]).await];
    complete(&app, &ada, &upload, &parts).await.expect(200);
    begin(&app, &ada, json!({})).await;
    let users = app.get("/api/users").bearer(&app.root()).await.expect(200).json();
    let user = users["users"].as_array().unwrap().iter().find(|user| user["username"] == "ada").unwrap();
    assert_eq!((&user["videos"], &user["uploaded_bytes"]), (&json!(2), &json!(1000)));
}

#[tokio::test]
async fn parts_that_do_not_make_a_file_are_refused() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, json!({})).await;
    complete(&app, &ada, &upload, &[]).await.expect(422);
    let small =
        [send(&app, &ada, &upload, 1, b"small".to_vec()).await, send(&app, &ada, &upload, 2, b"end".to_vec()).await];
    complete(&app, &ada, &upload, &small).await.expect(422);
    complete(&app, &ada, &upload, &[json!({"PartNumber": 3, "ETag": "x"})]).await.expect(422);
    complete(&app, &ada, &upload, &[json!({"PartNumber": 2, "ETag": "x"})]).await.expect(422);
    app.post(&upload.at("/complete")).bearer(&ada).json(json!({"parts": 1})).await.expect(422);
    app.post(&upload.at("/complete")).bearer(&ada).body("{").await.expect(400);
    complete(&app, &ada, &upload, &small[1..]).await.expect(200);
}

#[tokio::test]
async fn a_file_name_cannot_name_a_place() {
    let app = TestApp::start().await;
    let body = json!({"filename": "../../etc/pass\u{0}wd\r\n.mp4", "type": "video/mp4"});
    let answer = app.post("/api/s3/multipart").bearer(&app.ada()).json(body).await.expect(200).json();
    let video = app.service.video(&answer["short_id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    assert_eq!((video.upload.file_name.as_str(), video.title.as_str()), ("passwd.mp4", "passwd"));
    app.post("/api/s3/multipart").bearer(&app.ada()).json(json!({"type": "video/mp4"})).await.expect(422);
}
