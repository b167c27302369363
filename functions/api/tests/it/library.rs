//! The list, one video, and its changes.

use clipset_core::{
    Timestamp,
    account::Role,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
    key::DocumentKey,
    video::{Phase, Superseded, Upload, Video, Visibility},
};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, complete, pend};

fn path(video: &Video) -> String {
    format!("/api/videos/{}", video.short_id)
}

async fn titles(app: &TestApp, token: &str, query: &str) -> Vec<String> {
    let page = app.get(&format!("/api/videos{query}")).bearer(token).await.expect(200).json();
    page["videos"].as_array().unwrap().iter().map(|video| video["title"].as_str().unwrap().to_owned()).collect()
}

fn titled(title: &str) -> impl FnOnce(&mut Video) {
    move |video| {
        complete(video);
        video.title = title.into();
    }
}

fn failed(video: &mut Video) {
    pend(video);
    video.fail("The file holds no video.".into()).unwrap();
}

#[tokio::test]
async fn a_video_has_the_fields_of_the_contract() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let mut shown = app.get(&path(&video)).bearer(&app.ada()).await.expect(200).json();
    let created_at = shown.as_object_mut().unwrap().remove("created_at").unwrap();
    let created_at = created_at.as_str().unwrap().to_owned();
    assert!(created_at.ends_with('Z') && created_at.parse::<Timestamp>().is_ok(), "{created_at}");
    let token = shown.as_object_mut().unwrap().remove("playback_token").unwrap();
    let token = token.as_str().unwrap();
    app.get(&format!("{}/poster?token={token}", path(&video))).await.expect(307);
    app.get("/api/videos").bearer(token).await.expect(401);
    let expected = json!({
        "short_id": video.short_id, "title": "The lake", "description": "", "owner": "ada", "visibility": "circle",
        "duration_seconds": 12.5, "size_bytes": 1000, "width": 1920, "height": 1080, "format": "hls",
        "processing_status": "completed", "progress": 1.0, "error": null, "note": null,
        "has_poster": true, "can_manage": true, "has_storyboard": false, "has_original": true,
        "expire_after_days": null, "expires_at": null,
    });
    assert_eq!(shown, expected);
    let listed = app.get("/api/videos").bearer(&app.bob()).await.expect(200).json();
    assert_eq!(listed["next_cursor"], Value::Null);
    assert_eq!(
        (&listed["videos"][0]["short_id"], &listed["videos"][0]["can_manage"]),
        (&shown["short_id"], &json!(false))
    );
}

#[tokio::test]
async fn unfinished_videos_show_how_far_they_are() {
    let app = TestApp::start().await;
    let video = app.video("ada", pend).await;
    let mut job = Job::new(video.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    let lease = job.claim("runner", Timestamp::now()).unwrap();
    job.beat(&lease, 0.25, Timestamp::now()).unwrap();
    job.note(&lease, vec!["copied".into()]).unwrap();
    app.service.bucket.create(&DocumentKey::Job(job.id.clone()), &job).await.unwrap();
    app.service.videos.update(&video.short_id, Video::start_processing).await.unwrap();
    let shown = app.get(&path(&video)).bearer(&app.ada()).await.expect(200).json();
    assert_eq!((&shown["processing_status"], &shown["progress"]), (&json!("processing"), &json!(0.25)));
    assert_eq!(
        (&shown["format"], &shown["width"], &shown["notes"]),
        (&json!("unknown"), &Value::Null, &json!(["copied"]))
    );
    let listed = app.get("/api/videos").bearer(&app.ada()).await.expect(200).json();
    assert_eq!(listed["videos"][0]["progress"], 0.25);

    let video = app.video("ada", failed).await;
    let shown = app.get(&path(&video)).bearer(&app.ada()).await.expect(200).json();
    assert_eq!((&shown["processing_status"], &shown["error"]), (&json!("failed"), &json!("The file holds no video.")));
}

#[tokio::test]
async fn everyone_sees_what_is_theirs_to_see() {
    let app = TestApp::start().await;
    let circle = app.completed().await;
    let private = app.video("ada", |video| {
        complete(video);
        video.visibility = Visibility::Private;
    });
    let private = private.await;
    let unfinished = app.video("ada", pend).await;
    let deleted = app.video("ada", |video| {
        complete(video);
        video.delete(Timestamp::now());
    });
    let deleted = deleted.await;
    let (ada, bob, root) = (app.ada(), app.bob(), app.root());
    for (video, seen) in [
        (&circle, [200, 200, 200]),
        (&private, [200, 404, 200]),
        (&unfinished, [200, 404, 200]),
        (&deleted, [404, 404, 404]),
    ] {
        for (token, status) in [&ada, &bob, &root].into_iter().zip(seen) {
            app.get(&path(video)).bearer(token).await.expect(status);
        }
        app.get(&path(video)).await.expect(401);
    }
    for (token, count) in [(&ada, 3), (&bob, 1), (&root, 3)] {
        assert_eq!(titles(&app, token, "").await.len(), count);
    }
    app.get(&format!("/api/videos/{}", ShortId::random())).bearer(&ada).await.expect(404);
}

#[tokio::test]
async fn six_hundred_videos_come_page_by_page_newest_first_and_none_twice() {
    let app = TestApp::start().await;
    let now = Timestamp::now().as_second();
    let videos: Vec<_> = (0..600)
        .map(|number| {
            let upload = Upload { original: None, upload_id: String::new(), file_name: String::new() };
            let created = Timestamp::from_second(now - number).unwrap();
            let owner = if number % 3 == 0 { "bob" } else { "ada" };
            let id = ShortId::random();
            let mut video = Video::begin(id, owner.parse().unwrap(), format!("Clip {number:03}"), upload, created);
            complete(&mut video);
            video
        })
        .collect();
    stream::iter(&videos)
        .for_each_concurrent(16, async |video| {
            app.service.bucket.create(&DocumentKey::Video(video.short_id.clone()), video).await.unwrap();
        })
        .await;
    app.service.videos.reindex().await.unwrap();
    for (query, step) in [("limit=100", 1), ("limit=100&owner=bob", 3)] {
        let mut seen = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = app.get(&format!("/api/videos?{query}&cursor={cursor}")).bearer(&app.ada()).await.expect(200);
            let page = page.json();
            seen.extend(page["videos"].as_array().unwrap().iter().map(|video| video["title"].clone()));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = next.to_owned(),
                None => break,
            }
        }
        let expected: Vec<_> = (0..600).step_by(step).map(|number| json!(format!("Clip {number:03}"))).collect();
        assert_eq!(seen, expected);
    }
    assert_eq!(titles(&app, &app.ada(), "").await.len(), 24);
    assert_eq!(titles(&app, &app.ada(), "?q=clip%20599").await, ["Clip 599"]);
}

#[tokio::test]
async fn search_finds_words_of_titles_and_an_owner_filters() {
    let app = TestApp::start().await;
    app.video("ada", titled("By the Lake")).await;
    app.video("bob", titled("Lake and sea")).await;
    let ada = app.ada();
    assert_eq!(titles(&app, &ada, "?q=LAKE").await.len(), 2);
    assert_eq!(titles(&app, &ada, "?q=sea+lake").await, ["Lake and sea"]);
    assert_eq!(titles(&app, &ada, "?q=lake&owner=Ada").await, ["By the Lake"]);
    assert_eq!(titles(&app, &ada, "?owner=nobody").await.len(), 0);
    assert_eq!(titles(&app, &ada, "?q=&cursor=").await.len(), 2);
}

#[tokio::test]
async fn a_query_that_does_not_fit_is_told_so() {
    let app = TestApp::start().await;
    let long = format!("q={}", "x".repeat(201));
    for query in ["limit=0", "limit=101", "limit=many", "limit=-1", "cursor=../x", "owner=a/b", &long] {
        app.get(&format!("/api/videos?{query}")).bearer(&app.ada()).await.expect(422);
    }
    app.get("/api/videos?limit=100").bearer(&app.ada()).await.expect(200);
}

async fn patch(app: &TestApp, token: &str, video: &Video, change: Value) -> Answer {
    app.patch(&path(video)).bearer(token).json(change).await
}

#[tokio::test]
async fn the_owner_or_an_administrator_changes_a_video() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let change = json!({"title": " By the lake\t", "description": "One\ntwo", "visibility": "private"});
    let shown = patch(&app, &app.ada(), &video, change).await.expect(200).json();
    let fields = (&shown["title"], &shown["description"], &shown["visibility"]);
    assert_eq!(fields, (&json!("By the lake"), &json!("One\ntwo"), &json!("private")));
    app.get(&path(&video)).bearer(&app.bob()).await.expect(404);
    patch(&app, &app.bob(), &video, json!({"title": "Mine"})).await.expect(404);
    patch(&app, &app.root(), &video, json!({"visibility": "circle"})).await.expect(200);
    patch(&app, &app.bob(), &video, json!({"title": "Mine"})).await.expect(403);
    assert_eq!(titles(&app, &app.bob(), "").await, ["By the lake"]);
    app.patch(&path(&video)).json(json!({})).await.expect(401);
    app.patch(&path(&video)).bearer(&app.ada()).body("{").await.expect(400);
    for bad in [
        json!({"title": ""}),
        json!({"title": "x".repeat(201)}),
        json!({"title": "a\u{0}b"}),
        json!({"description": "x".repeat(2001)}),
        json!({"visibility": "public"}),
        json!({"owner": "bob"}),
        json!({"title": 5}),
    ] {
        patch(&app, &app.ada(), &video, bad).await.expect(422);
    }
    patch(&app, &app.ada(), &video, json!({"title": "é".repeat(200)})).await.expect(200);
}

#[tokio::test]
async fn a_deleted_video_is_gone_at_once_and_its_encodes_get_tombstones() {
    let app = TestApp::start().await;
    let old = EncodeId::random();
    let video = app.video("ada", |video| {
        complete(video);
        video.superseded.push(Superseded { id: old, until: Timestamp::now() });
    });
    let video = video.await;
    app.get(&format!("{}/stream", path(&video))).bearer(&app.ada()).await.expect(307);
    app.delete(&path(&video)).await.expect(401);
    app.delete(&path(&video)).bearer(&app.bob()).await.expect(403);
    app.delete(&path(&video)).bearer(&app.ada()).await.expect(204);
    for token in [app.ada(), app.root()] {
        app.get(&path(&video)).bearer(&token).await.expect(404);
        app.get(&format!("{}/stream", path(&video))).bearer(&token).await.expect(404);
        app.delete(&path(&video)).bearer(&token).await.expect(404);
        patch(&app, &token, &video, json!({})).await.expect(404);
        assert!(titles(&app, &token, "").await.is_empty());
    }
    let buried = std::fs::read_dir(app.folder.path().join("tombstones")).unwrap();
    let mut buried: Vec<_> = buried.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    let published = video.publication.unwrap();
    let mut expected: Vec<_> = published.ids().chain([old]).map(|id| id.to_string()).collect();
    buried.sort();
    expected.sort();
    assert_eq!(buried, expected);
}

#[tokio::test]
async fn a_deletion_does_not_need_the_tombstones() {
    let app = TestApp::start_with(|config| config.tombstones = Some("/proc/nowhere".into())).await;
    let video = app.completed().await;
    app.delete(&path(&video)).bearer(&app.root()).await.expect(204);
    app.get(&path(&video)).bearer(&app.root()).await.expect(404);
}

#[tokio::test]
async fn a_failed_video_is_tried_again_with_a_new_job() {
    let app = TestApp::start().await;
    let video = app.video("ada", failed).await;
    let retry = format!("{}/retry", path(&video));
    app.post(&retry).await.expect(401);
    app.post(&retry).bearer(&app.bob()).await.expect(404);
    let shown = app.post(&retry).bearer(&app.ada()).await.expect(202).json();
    assert_eq!((&shown["processing_status"], &shown["error"]), (&json!("pending"), &Value::Null));
    let queue = app.service.jobs.queue().await.unwrap();
    assert_eq!(queue.iter().map(ToString::to_string).collect::<Vec<_>>(), [format!("{}-first-2", video.short_id)]);
    app.post(&retry).bearer(&app.ada()).await.expect(409);
    app.service.videos.update(&video.short_id, |video| video.fail("Again.".into())).await.unwrap();
    let answers =
        futures_util::future::join_all((0..5).map(|_| app.post(&retry).bearer(&app.ada()).into_future())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 202).count(), 1);
    assert_eq!(answers.iter().filter(|answer| answer.status == 409).count(), 4);
    let video = app.service.video(&video.short_id).await.unwrap();
    assert_eq!((video.phase, video.job.unwrap().to_string()), (Phase::Pending, format!("{}-first-3", video.short_id)));

    let completed = app.completed().await;
    app.post(&format!("{}/retry", path(&completed))).bearer(&app.ada()).await.expect(409);
    app.post(&format!("{}/retry", path(&completed))).bearer(&app.bob()).await.expect(403);
    let gone = app.video("ada", |video| {
        failed(video);
        video.upload.original = None;
    });
    app.post(&format!("{}/retry", path(&gone.await))).bearer(&app.ada()).await.expect(409);
}

#[tokio::test]
async fn tokens_of_administrators_without_an_account_count() {
    let app = TestApp::start().await;
    app.video("ada", pend).await;
    assert_eq!(titles(&app, &app.token("made-by-hand", Role::Admin), "").await.len(), 1);
}

#[tokio::test]
async fn nothing_in_a_title_that_was_stored_before_turns_the_text_beside_it() {
    let app = TestApp::start().await;
    let video = app
        .video("ada", |video| {
            complete(video);
            video.title = "holiday\u{202e}4pm\n.exe".into();
            video.description = "one\u{2066}\ntwo\u{7}".into();
            video.upload.file_name = "lake\u{202e}4pm.exe".into();
        })
        .await;
    let original = clipset_core::key::MediaKey::Original(video.upload.original.unwrap());
    app.service.bucket.put_bytes(&original, vec![1]).await.unwrap();
    let path = format!("/api/videos/{}", video.short_id);
    let one = app.get(&path).bearer(&app.ada()).await.expect(200).json();
    let listed = app.get("/api/videos").bearer(&app.ada()).await.expect(200).json()["videos"][0].clone();
    for shown in [one, listed] {
        assert_eq!((&shown["title"], &shown["description"]), (&json!("holiday4pm .exe"), &json!("one\ntwo")));
    }
    let download = app.get(&format!("{path}/original")).bearer(&app.ada()).await.expect(307);
    let location = download.header("location").unwrap().to_owned();
    assert!(location.contains("lake4pm.exe") && !location.contains("%25E2%2580%25AE"), "{location}");
    let share = app.post(&format!("{path}/shares")).bearer(&app.ada()).json(json!({})).await.expect(201).json();
    let page = app.get(&format!("/s/{}", share["share_id"].as_str().unwrap())).await;
    assert!(page.body.contains("<title>holiday4pm .exe</title>"), "{}", page.body);
    assert!(page.body.contains("og:title\" content=\"holiday4pm .exe\""), "{}", page.body);
}
