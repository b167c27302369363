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

/// Begins an upload of `size` bytes.
async fn begin(app: &TestApp, token: &str, size: usize) -> Begun {
    begin_with(app, token, json!({"size": size})).await
}

async fn begin_with(app: &TestApp, token: &str, metadata: Value) -> Begun {
    let answer = ask(app, token, metadata).await.expect(200).json();
    Begun {
        key: answer["key"].as_str().unwrap().into(),
        id: answer["uploadId"].as_str().unwrap().into(),
        short_id: answer["short_id"].as_str().unwrap().parse().unwrap(),
    }
}

async fn ask(app: &TestApp, token: &str, metadata: Value) -> Answer {
    let asked = json!({"filename": "The lake.mp4", "type": "video/mp4", "metadata": metadata});
    app.post("/api/s3/multipart").bearer(token).json(asked).await
}

/// The address of a part.
async fn sign(app: &TestApp, token: &str, upload: &Begun, number: u32) -> String {
    let signed = app.get(&upload.at(&format!("/{number}"))).bearer(token).await.expect(200).json();
    assert_eq!(signed["expires"], 3600);
    signed["url"].as_str().unwrap().to_owned()
}

async fn put(app: &TestApp, url: &str, body: Vec<u8>) -> reqwest::Response {
    app.http.put(url).body(body).send().await.unwrap()
}

/// Puts a part where the API says; gives it as the completing request names it.
async fn send(app: &TestApp, token: &str, upload: &Begun, number: u32, body: Vec<u8>) -> Value {
    let put = put(app, &sign(app, token, upload, number).await, body).await;
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
    let upload = begin_with(&app, &ada, json!({"title": "  By the la\u{202e}ke ", "size": 5 * MIB + 3})).await;
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
    let upload = begin_with(&app, &app.ada(), json!({"name": "The lake.mp4", "relativePath": null, "size": 1})).await;
    let video = app.service.video(&upload.short_id).await.unwrap();
    assert_eq!((video.title.as_str(), video.upload.file_name.as_str()), ("The lake", "The lake.mp4"));
    let asked = json!({"filename": "x.mp4", "type": "video/mp4", "metadata": {"title": "x".repeat(201), "size": 1}});
    app.post("/api/s3/multipart").bearer(&app.ada()).json(asked).await.expect(422);
}

#[tokio::test]
async fn completing_again_gives_the_same_answer_and_one_job() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 9).await;
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
    let upload = begin(&app, &ada, 9).await;
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
    let upload = begin(&app, &ada, 9).await;
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
    let upload = begin(&app, &ada, 9).await;
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
    let upload = begin(&app, &ada, 5 * MIB + 10).await;
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
    let change = json!({"max_file_size_bytes": 1_u64 << 40, "weekly_upload_limit_bytes": 1_u64 << 40});
    app.patch("/api/config").bearer(&app.root()).json(change).await.expect(200);
    let upload = begin(&app, &ada, 9_999 * 5 * MIB + 1).await;
    let signed = app.get(&upload.at("/batch?partNumbers=1,2,10000")).bearer(&ada).await.expect(200).json();
    let urls = signed["presignedUrls"].as_object().unwrap();
    assert_eq!(urls.len(), 3);
    let put = app.http.put(urls["10000"].as_str().unwrap()).body("x").send().await.unwrap();
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
    let upload = begin(&app, &ada, 1).await;
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
    let upload = begin(&app, &ada, 1).await;
    let signed = app.get(&upload.at("/1")).bearer(&ada).await.expect(200).json();
    app.delete(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(204);
    let put = app.http.put(signed["url"].as_str().unwrap()).body("x").send().await.unwrap();
    assert_eq!(put.status(), 404);
}

#[tokio::test]
async fn a_complete_upload_is_not_aborted() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 1).await;
    let parts = [send(&app, &ada, &upload, 1, b"x".to_vec()).await];
    complete(&app, &ada, &upload, &parts).await.expect(200);
    app.delete(&upload.at("")).bearer(&ada).await.expect(409);
    app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(200);
}

#[tokio::test]
async fn only_its_owner_touches_an_upload() {
    let app = TestApp::start().await;
    let upload = begin(&app, &app.ada(), 1).await;
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
    let other = begin(&app, &app.ada(), 1).await;
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
    let body = json!({"filename": "x.mp4", "type": "video/mp4", "metadata": {"size": 1}});
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
async fn a_size_is_asked_for_and_checked_before_the_first_byte() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let most = 1 << 20;
    let change = json!({"max_file_size_bytes": most});
    app.patch("/api/config").bearer(&app.root()).json(change).await.expect(200);
    for missing in [json!({}), json!({"size": null}), json!({"size": "many"}), json!({"size": -1})] {
        let told = ask(&app, &ada, missing).await.expect(422).json();
        let told = told["detail"].as_str().unwrap();
        assert!(told.contains("metadata.size") && told.contains("setFileMeta(file.id, { size: file.size })"), "{told}");
    }
    ask(&app, &ada, json!({"size": most})).await.expect(200);
    ask(&app, &ada, json!({"size": most.to_string()})).await.expect(200);
    let told = ask(&app, &ada, json!({"size": most + 1})).await.expect(413).json();
    assert_eq!(told["detail"], "The file has 1.1 MB, and 1 MB are allowed: choose a smaller one.");
    ask(&app, &ada, json!({"size": (most + 1).to_string()})).await.expect(413);
    ask(&app, &ada, json!({"size": u64::MAX})).await.expect(413);
    ask(&app, &ada, json!({"size": 0})).await.expect(422);
    assert_eq!(Settings::default().max_file_size_bytes.get(), 10 << 30);
}

#[tokio::test]
async fn a_file_that_no_task_could_convert_is_refused_before_the_first_byte() {
    let app = TestApp::start_with(|config| config.task_disk = Some(2 << 20)).await;
    let ada = app.ada();
    ask(&app, &ada, json!({"size": 1 << 20})).await.expect(200);
    let told = ask(&app, &ada, json!({"size": (1 << 20) + 1})).await.expect(413).json();
    assert_eq!(told["detail"], "The file has 1.1 MB, and there is room to convert one of 1 MB: choose a smaller one.");
}

#[tokio::test]
async fn parts_are_as_long_as_the_client_says_and_else_as_uppy_makes_them() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let size = 9_u64 << 30;
    let part_size = async |metadata: Value| ask(&app, &ada, metadata).await.expect(200).json()["part_size"].clone();
    assert_eq!(part_size(json!({"size": size})).await, 5 << 20);
    assert_eq!(part_size(json!({"size": size, "part_size": 16 << 20})).await, 16 << 20);
    assert_eq!(part_size(json!({"size": size, "part_size": (8 << 20).to_string()})).await, 8 << 20);
    for bad in [json!(0), json!((5 << 20) - 1), json!("x"), json!((5_u64 << 30) + 1)] {
        ask(&app, &ada, json!({"size": size, "part_size": bad})).await.expect(422);
    }
}

#[tokio::test]
async fn a_signed_part_takes_the_bytes_of_its_place_no_more_and_no_fewer() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 5 * MIB + 3).await;
    let (first, last) = (sign(&app, &ada, &upload, 1).await, sign(&app, &ada, &upload, 2).await);
    let batch = app.get(&upload.at("/batch?partNumbers=1,2")).bearer(&ada).await.expect(200).json();
    for (url, length) in [(first.as_str(), 5 * MIB), (last.as_str(), 3)] {
        for wrong in [length - 1, length + 1, 0] {
            assert_eq!(put(&app, url, vec![1; wrong]).await.status(), 403, "{wrong} for {length}");
        }
    }
    let batched = batch["presignedUrls"]["2"].as_str().unwrap();
    assert_eq!(put(&app, batched, vec![1; 4]).await.status(), 403);
    let chunked = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![1; 3])]);
    let chunked = app.http.put(&last).body(reqwest::Body::wrap_stream(chunked)).send().await.unwrap();
    assert_eq!(chunked.status(), 403, "whose length is not said");
    app.get(&upload.at("/3")).bearer(&ada).await.expect(422);
    app.get(&upload.at("/batch?partNumbers=1,3")).bearer(&ada).await.expect(422);
    assert_eq!(app.get(&upload.at("")).bearer(&ada).await.expect(200).json(), json!([]), "nothing was stored");
    let parts = [send(&app, &ada, &upload, 1, vec![1; 5 * MIB]).await, send(&app, &ada, &upload, 2, vec![1; 3]).await];
    complete(&app, &ada, &upload, &parts[..1]).await.expect(422);
    complete(&app, &ada, &upload, &parts[1..]).await.expect(422);
    complete(&app, &ada, &upload, &parts).await.expect(200);
    // As it is for a client that lost the answer and asks for what is missing.
    let listed = app.get(&upload.at("")).bearer(&ada).await.expect(200).json();
    assert_eq!((&listed[0]["Size"], &listed[1]["Size"]), (&json!(5 * MIB), &json!(3)));
}

#[tokio::test]
async fn what_a_store_took_at_another_length_is_not_put_together() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 5 * MIB + 3).await;
    let first = send(&app, &ada, &upload, 1, vec![1; 5 * MIB]).await;
    // By a store that does not check lengths.
    let video = app.service.video(&upload.short_id).await.unwrap();
    let key = MediaKey::Original(video.upload.original.unwrap());
    let hour = std::time::Duration::from_secs(3600);
    let url = app.service.bucket.presign_part(&key, &video.upload.upload_id, 2, None, hour).await.unwrap();
    let longer = put(&app, &url, vec![2; 1000]).await;
    let longer = json!({"PartNumber": 2, "ETag": longer.headers()["etag"].to_str().unwrap()});
    let told = complete(&app, &ada, &upload, &[first.clone(), longer]).await.expect(422).json();
    assert_eq!(told["detail"], "Part 2 has 1000 bytes instead of 3: send it again.");
    let second = send(&app, &ada, &upload, 2, vec![2; 3]).await;
    complete(&app, &ada, &upload, &[first, second]).await.expect(200);
}

#[tokio::test]
async fn an_upload_that_was_begun_before_parts_were_bound_goes_on() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let unbound = async |size: usize| {
        let upload = begin(&app, &ada, 1).await;
        let unbind = |video: &mut Video| {
            video.parts = None;
            Ok::<_, std::convert::Infallible>(())
        };
        app.service.videos.update(&upload.short_id, unbind).await.unwrap();
        let parts = [send(&app, &ada, &upload, 1, vec![0; size]).await];
        (upload, parts)
    };
    let (upload, parts) = unbound(1000).await;
    complete(&app, &ada, &upload, &parts).await.expect(200);
    // What arrived counts.
    let change = json!({"max_file_size_bytes": 1 << 20});
    app.patch("/api/config").bearer(&app.root()).json(change).await.expect(200);
    let (upload, parts) = unbound((1 << 20) + 1).await;
    complete(&app, &ada, &upload, &parts).await.expect(413);
    complete(&app, &ada, &upload, &parts).await.expect(404);
    app.get(&format!("/api/videos/{}", upload.short_id)).bearer(&ada).await.expect(404);
}

#[tokio::test]
async fn administrators_see_what_each_member_keeps() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 1000).await;
    let parts = [send(&app, &ada, &upload, 1, vec![0; 1000]).await];
    complete(&app, &ada, &upload, &parts).await.expect(200);
    begin(&app, &ada, 1000).await;
    let users = app.get("/api/users").bearer(&app.root()).await.expect(200).json();
    let user = users["users"].as_array().unwrap().iter().find(|user| user["username"] == "ada").unwrap();
    assert_eq!((&user["videos"], &user["uploaded_bytes"]), (&json!(2), &json!(1000)));
}

#[tokio::test]
async fn parts_that_do_not_make_a_file_are_refused() {
    let app = TestApp::start().await;
    let ada = app.ada();
    let upload = begin(&app, &ada, 3).await;
    complete(&app, &ada, &upload, &[]).await.expect(422);
    let end = [send(&app, &ada, &upload, 1, b"end".to_vec()).await];
    complete(&app, &ada, &upload, &[json!({"PartNumber": 3, "ETag": "x"})]).await.expect(422);
    complete(&app, &ada, &upload, &[json!({"PartNumber": 1, "ETag": "x"})]).await.expect(422);
    complete(&app, &ada, &upload, &[json!({"PartNumber": -1, "ETag": "x"})]).await.expect(422);
    app.post(&upload.at("/complete")).bearer(&ada).json(json!({"parts": 1})).await.expect(422);
    app.post(&upload.at("/complete")).bearer(&ada).body("{").await.expect(400);
    complete(&app, &ada, &upload, &end).await.expect(200);
}

#[tokio::test]
async fn a_file_name_cannot_name_a_place() {
    let app = TestApp::start().await;
    let body = json!({"filename": "../../etc/pass\u{0}wd\r\n.mp4", "type": "video/mp4", "metadata": {"size": 1}});
    let answer = app.post("/api/s3/multipart").bearer(&app.ada()).json(body).await.expect(200).json();
    let video = app.service.video(&answer["short_id"].as_str().unwrap().parse().unwrap()).await.unwrap();
    assert_eq!((video.upload.file_name.as_str(), video.title.as_str()), ("passwd.mp4", "passwd"));
    app.post("/api/s3/multipart").bearer(&app.ada()).json(json!({"type": "video/mp4"})).await.expect(422);
}
