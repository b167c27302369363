//! The ways to media.

use clipset_core::{
    Timestamp,
    account::Role,
    id::EncodeId,
    key::MediaKey,
    video::{Extras, Video},
};
use clipset_service::{Holder, Pass};
use serde_json::json;

use crate::app::{Answer, PASSWORD, TestApp, complete, pend};

fn path(video: &Video, end: &str) -> String {
    format!("/api/videos/{}/{end}", video.short_id)
}

/// The path and the end of a redirect, if it is signed as the edge wants it.
#[track_caller]
fn signed(app: &TestApp, url: &str) -> (String, u64) {
    let (path, query) = url.split_once('?').unwrap();
    let (md5, expires) = query.strip_prefix("md5=").unwrap().split_once("&expires=").unwrap();
    let expires = expires.parse().unwrap();
    assert_eq!(app.service.signing_secret().sign(path, expires), md5);
    (path.to_owned(), expires)
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap()
}

fn now() -> u64 {
    Timestamp::now().as_second() as u64
}

async fn playback_token(app: &TestApp, video: &Video, access: &str) -> String {
    let shown = app.get(&format!("/api/videos/{}", video.short_id)).bearer(access).await.expect(200).json();
    shown["playback_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn stream_and_poster_lead_to_signed_urls() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let published = video.publication.as_ref().unwrap();
    for (end, key) in [
        ("stream", MediaKey::Progressive(published.progressive.unwrap())),
        ("poster", MediaKey::Poster(published.poster.unwrap())),
    ] {
        let answer = app.get(&path(&video, end)).bearer(&app.bob()).await.expect(307);
        let (leads_to, expires) = signed(&app, location(&answer));
        assert_eq!(leads_to, key.path());
        assert!((now() + 43_199..=now() + 44_101).contains(&expires), "{expires}");
        assert_eq!(answer.header("cache-control"), Some("private, max-age=3600"));
    }
}

#[tokio::test]
async fn a_redirect_is_kept_for_a_quarter_of_a_short_life() {
    let app = TestApp::start_with(|config| config.signature_life = clipset_core::signing::SignatureLife::new(8)).await;
    let video = app.completed().await;
    let answer = app.get(&path(&video, "stream")).bearer(&app.ada()).await.expect(307);
    assert_eq!(answer.header("cache-control"), Some("private, max-age=2"));
}

#[tokio::test]
async fn tokens_come_by_header_or_query_and_a_bad_header_is_not_rescued() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let stream = path(&video, "stream");
    let playback = playback_token(&app, &video, &app.bob()).await;
    let other = playback_token(&app, &app.completed().await, &app.bob()).await;
    app.get(&stream).await.expect(401);
    app.get(&format!("{stream}?token={}", app.bob())).await.expect(307);
    app.get(&format!("{stream}?token={playback}")).await.expect(307);
    app.get(&stream).bearer(&playback).await.expect(307);
    app.get(&format!("{stream}?token={other}")).await.expect(404);
    app.get(&format!("{stream}?token={}", app.bob())).header("authorization", "Bearer x").await.expect(401);
    app.get(&format!("/api/videos/{}?token={}", video.short_id, app.bob())).await.expect(401);
    app.get(&format!("/api/videos/{}", video.short_id)).bearer(&playback).await.expect(401);
}

#[tokio::test]
async fn what_is_not_there_is_told_by_a_sentence() {
    let app = TestApp::start().await;
    let bare = app.video("ada", |video| {
        complete(video);
        let publication = video.publication.as_mut().unwrap();
        (publication.progressive, publication.poster) = (None, None);
    });
    let bare = bare.await;
    let unfinished = app.video("ada", pend).await;
    for video in [&bare, &unfinished] {
        for end in ["stream", "poster", "storyboard.vtt", "original"] {
            app.get(&path(video, end)).bearer(&app.ada()).await.expect(404);
        }
    }
}

#[tokio::test]
async fn private_and_unfinished_videos_are_not_there_for_others() {
    let app = TestApp::start().await;
    let video = app.video("ada", |video| {
        complete(video);
        video.visibility = clipset_core::video::Visibility::Private;
    });
    let video = video.await;
    for end in ["stream", "poster", "original"] {
        app.get(&path(&video, end)).bearer(&app.bob()).await.expect(404);
    }
    app.get(&path(&video, "stream")).bearer(&app.root()).await.expect(307);
}

#[tokio::test]
async fn the_storyboard_names_signed_sprites() {
    let app = TestApp::start().await;
    let video = illustrated(&app).await;
    let id = app.service.video(&video.short_id).await.unwrap().publication.unwrap().storyboard.unwrap();
    let answer = app.get(&path(&video, "storyboard.vtt")).bearer(&app.bob()).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("text/vtt; charset=utf-8"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=3600"));
    let sprite = answer.body.lines().last().unwrap().strip_suffix("#xywh=0,0,160,90").unwrap();
    assert_eq!(signed(&app, sprite).0, format!("/images/{id}/sprite0.jpg"));
}

#[tokio::test]
async fn the_original_is_downloaded_by_those_who_manage_it() {
    let app = TestApp::start().await;
    let video = app.video("ada", |video| {
        complete(video);
        video.upload.file_name = "Dämmerung \"1\".mp4".into();
    });
    let video = video.await;
    app.get(&path(&video, "original")).bearer(&app.ada()).await.expect(404);
    let key = MediaKey::Original(video.upload.original.unwrap());
    app.service.bucket.put_bytes(&key, &b"the bytes"[..]).await.unwrap();
    app.get(&path(&video, "original")).await.expect(401);
    app.get(&path(&video, "original")).bearer(&app.bob()).await.expect(403);
    let playback = playback_token(&app, &video, &app.ada()).await;
    app.get(&path(&video, "original")).bearer(&playback).await.expect(403);
    for token in [app.ada(), app.root()] {
        let answer = app.get(&format!("{}?token={token}", path(&video, "original"))).await.expect(307);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let download = app.http.get(location(&answer)).send().await.unwrap();
        let disposition = download.headers()["content-disposition"].to_str().unwrap().to_owned();
        assert!(disposition.contains("filename*=UTF-8''D%C3%A4mmerung%20%221%22.mp4"), "{disposition}");
        assert_eq!(download.text().await.unwrap(), "the bytes");
    }
}

#[tokio::test]
async fn a_download_url_has_the_form_that_nginx_lets_through() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    app.service.bucket.put_bytes(&MediaKey::Original(video.upload.original.unwrap()), &b"x"[..]).await.unwrap();
    let answer = app.get(&path(&video, "original")).bearer(&app.ada()).await.expect(307);
    let (_, query) = location(&answer).split_once('?').unwrap();
    for pair in query.split('&') {
        let name = pair.split('=').next().unwrap();
        let known = ["x-id", "response-content-disposition"].contains(&name) || name.starts_with("X-Amz-");
        assert!(known, "{name}");
    }
}

/// A video with all that a playback token opens.
async fn illustrated(app: &TestApp) -> Video {
    let video = app.completed().await;
    let id = EncodeId::random();
    let index = "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite0.jpg#xywh=0,0,160,90\n";
    app.service.bucket.put_bytes(&MediaKey::Storyboard(id, "storyboard.vtt".into()), index).await.unwrap();
    let extras = Extras { storyboard: Some(id), ..Extras::default() };
    app.service.videos.update(&video.short_id, |video| video.attach(extras, Timestamp::now())).await.unwrap();
    video
}

/// What stream, poster and storyboard answer to a playback token.
async fn statuses(app: &TestApp, video: &Video, token: &str) -> Vec<u16> {
    let mut statuses = Vec::new();
    for end in ["stream", "poster", "storyboard.vtt"] {
        statuses.push(app.get(&format!("{}?token={token}", path(video, end))).await.status.as_u16());
    }
    statuses
}

#[tokio::test]
async fn a_playback_token_ends_with_its_members_session_and_one_that_is_given_after_counts_at_once() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let video = illustrated(&app).await;
    let access = app.log_in("bob").await.access_token();
    let token = playback_token(&app, &video, &access).await;
    assert_eq!(statuses(&app, &video, &token).await, [307, 307, 200]);
    let change = json!({"current_password": PASSWORD, "new_password": "another horse"});
    let changed = app.post("/api/auth/password").bearer(&access).json(change).await.expect(200);
    assert_eq!(statuses(&app, &video, &token).await, [401; 3]);
    let token = playback_token(&app, &video, &changed.access_token()).await;
    assert_eq!(statuses(&app, &video, &token).await, [307, 307, 200]);
    app.patch("/api/users/bob").bearer(&app.root()).json(json!({"disabled": true})).await.expect(200);
    assert_eq!(statuses(&app, &video, &token).await, [401; 3]);
    // A disabling is for good for what was given before it.
    app.patch("/api/users/bob").bearer(&app.root()).json(json!({"disabled": false})).await.expect(200);
    assert_eq!(statuses(&app, &video, &token).await, [401; 3]);
}

#[tokio::test]
async fn a_playback_token_opens_what_its_member_may_know_now() {
    let app = TestApp::start().await;
    app.add_user("root", Role::Admin).await;
    let video = illustrated(&app).await;
    let root = app.log_in("root").await.access_token();
    let (bob, ada) = (playback_token(&app, &video, &app.bob()).await, playback_token(&app, &video, &app.ada()).await);
    let admin = playback_token(&app, &video, &root).await;
    let private = json!({"visibility": "private"});
    app.patch(&format!("/api/videos/{}", video.short_id)).bearer(&app.ada()).json(private).await.expect(200);
    for (token, expected) in [(&bob, [404; 3]), (&ada, [307, 307, 200]), (&admin, [307, 307, 200])] {
        assert_eq!(statuses(&app, &video, token).await, expected);
    }
    // Demoted by a token of another administrator.
    app.add_user("eve", Role::Admin).await;
    app.patch("/api/users/root").bearer(&app.token("eve", Role::Admin)).json(json!({"role": "user"})).await.expect(200);
    assert_eq!(statuses(&app, &video, &admin).await, [401; 3]);
}

#[tokio::test]
async fn no_signature_outlives_the_playback_token_that_it_was_asked_for_with() {
    let app = TestApp::start().await;
    let video = illustrated(&app).await;
    let holder = Holder::Member { username: "bob".parse().unwrap(), role: Some(Role::User) };
    let pass = Pass { holder, issued: Some(now() as i64 - 43_000), expires: now() + 100 };
    let token = app.service.tokens.playback(&video.short_id, &pass);
    for end in ["stream", "poster"] {
        let answer = app.get(&format!("{}?token={token}", path(&video, end))).await.expect(307);
        assert_eq!(signed(&app, location(&answer)).1, pass.expires);
    }
    let board = app.get(&format!("{}?token={token}", path(&video, "storyboard.vtt"))).await.expect(200);
    assert!(board.body.contains(&format!("&expires={}#", pass.expires)), "{}", board.body);
}
