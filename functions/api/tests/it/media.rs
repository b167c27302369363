//! The ways to media.

use clipset_core::{
    Timestamp,
    id::EncodeId,
    key::MediaKey,
    video::{Extras, Video},
};

use crate::app::{Answer, TestApp, complete, pend};

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
    let playback = app.service.tokens.playback(&video.short_id, None, now() + 60);
    let other = app.service.tokens.playback(&app.completed().await.short_id, None, now() + 60);
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
    let video = app.completed().await;
    let id = EncodeId::random();
    let index = "WEBVTT\n\n00:00.000 --> 00:05.000\nsprite0.jpg#xywh=0,0,160,90\n";
    app.service.bucket.put_bytes(&MediaKey::Storyboard(id, "storyboard.vtt".into()), index).await.unwrap();
    let extras = Extras { storyboard: Some(id), ..Extras::default() };
    app.service.videos.update(&video.short_id, |video| video.attach(extras, Timestamp::now())).await.unwrap();
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
    let playback = app.service.tokens.playback(&video.short_id, None, now() + 60);
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
