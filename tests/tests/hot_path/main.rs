//! stream-info and sign-manifest, over a real bucket: the contract's section 3.
#![allow(clippy::unwrap_used, missing_docs)]

mod door;
mod holders;
mod metrics;
mod reads;

use std::io::Read;

use axum::{Router, body::Body};
use clipset_core::{
    Timestamp,
    account::Role,
    id::ShareId,
    key::DocumentKey,
    share::Share,
    video::{Video, Visibility},
};
use clipset_service::{Holder, Pass};
use clipset_tests::{client::uris, world::World};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use jiff::SignedDuration;
use serde_json::Value;
use tower::ServiceExt;

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    let router = Router::new()
        .merge(clipset_stream_info::router(world.service.clone()))
        .merge(clipset_sign_manifest::router(world.service.clone()));
    let request = headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    assert_eq!(parts.headers["x-content-type-options"], "nosniff", "{path}");
    Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().into(),
    }
}

async fn as_member(world: &World, path: &str) -> Answer {
    let token = world.token("bob", Role::User);
    get(world, path, &[("authorization", &format!("Bearer {token}"))]).await
}

fn info_path(video: &Video) -> String {
    format!("/api/videos/{}/stream-info", video.short_id)
}

fn master_path(video: &Video) -> String {
    format!("/api/videos/{}/hls/master.m3u8", video.short_id)
}

async fn share(world: &World, video: &Video, expires_at: Option<Timestamp>) -> ShareId {
    let share = Share {
        share_id: ShareId::random(&video.short_id),
        video: video.short_id.clone(),
        created_by: video.owner.clone(),
        created_at: Timestamp::now(),
        expires_at,
        password_hash: None,
    };
    world.service.bucket.create(&DocumentKey::Share(share.share_id.clone()), &share).await.unwrap();
    share.share_id
}

#[tokio::test]
async fn stream_info_tells_how_to_play() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 3).await;
    let info = as_member(&world, &info_path(&video)).await;
    assert_eq!((info.status, &info.headers["cache-control"]), (200, &"no-store".parse().unwrap()));
    let info = info.json();
    assert_eq!(info["format"], "hls");
    assert_eq!(info["ready"], true);
    assert_eq!(info["manifest_url"], master_path(&video));
    assert!(info["stream_url"].is_null(), "there is no MP4 to fall back to yet");
    let playback = info["playback_token"].as_str().unwrap();
    let manifest = get(&world, &format!("{}?token={playback}", master_path(&video)), &[]).await;
    assert_eq!(manifest.status, 200);
}

#[tokio::test]
async fn an_unfinished_clip_is_told_to_its_owner_alone() {
    let world = World::new(43_200).await;
    let video = world.pending("Clip").await;
    let token = world.token("ada", Role::User);
    let info = get(&world, &info_path(&video), &[("authorization", &format!("Bearer {token}"))]).await.json();
    assert_eq!(
        info,
        serde_json::json!({"format": "unknown", "ready": false, "processing_status": "pending", "progress": 0.0})
    );
    assert_eq!(as_member(&world, &info_path(&video)).await.status, 404);
    let failed = world.service.videos.update(&video.short_id, |video| video.fail("It is no video.".into()));
    failed.await.unwrap();
    let info = get(&world, &info_path(&video), &[("authorization", &format!("Bearer {token}"))]).await.json();
    assert_eq!((&info["processing_status"], &info["error"]), (&"failed".into(), &"It is no video.".into()));
}

#[tokio::test]
async fn tokens_count_in_the_header_and_in_the_query_and_a_bad_header_is_not_rescued() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 1).await;
    let token = world.token("bob", Role::User);
    for path in [info_path(&video), master_path(&video)] {
        let with_token = format!("{path}?token={token}");
        assert_eq!(get(&world, &with_token, &[]).await.status, 200);
        assert_eq!(get(&world, &with_token, &[("authorization", "Bearer forged")]).await.status, 401);
        assert_eq!(get(&world, &with_token, &[("authorization", "Basic YTpi")]).await.status, 401);
        let none = get(&world, &path, &[]).await;
        assert_eq!((none.status, &none.headers["www-authenticate"]), (401, &"Bearer".parse().unwrap()));
        assert_eq!(none.headers["content-type"], "application/problem+json");
    }
    for path in ["/api/videos/nosuchclip/stream-info", "/api/videos/..%2f..%2fx/stream-info"] {
        assert_eq!(get(&world, &format!("{path}?token={token}"), &[]).await.status, 404);
    }
}

#[tokio::test]
async fn every_segment_is_signed_with_one_end_and_equal_requests_give_equal_bytes() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 450).await;
    let before = Timestamp::now().as_second() as u64;
    let manifest = as_member(&world, &master_path(&video)).await;
    assert_eq!(manifest.headers["content-type"], "application/vnd.apple.mpegurl");
    assert_eq!(manifest.headers["cache-control"], "private, max-age=3600");
    let encode = video.publication.as_ref().unwrap().hls.as_ref().unwrap().encode;
    let secret = world.service.signing_secret();
    let mut ends = Vec::new();
    for (n, url) in uris(&manifest.text()).iter().enumerate() {
        let path = format!("/hls/{encode}/segment{n:03}.ts");
        let expires: u64 = url.rsplit("expires=").next().unwrap().parse().unwrap();
        assert_eq!(*url, secret.signed_url(&path, expires));
        ends.push(expires);
    }
    assert_eq!(ends.len(), 450);
    ends.dedup();
    assert!(ends.len() == 1 && ends[0] >= before + 43_200);
    assert_eq!(as_member(&world, &master_path(&video)).await.body, manifest.body);
}

#[tokio::test]
async fn gzip_is_sent_when_asked_for_and_holds_the_same() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 100).await;
    let token = format!("Bearer {}", world.token("bob", Role::User));
    let plain = get(&world, &master_path(&video), &[("authorization", &token)]).await;
    assert!(!plain.headers.contains_key("content-encoding"));
    let headers = [("authorization", token.as_str()), ("accept-encoding", "gzip, br")];
    let gzip = get(&world, &master_path(&video), &headers).await;
    assert_eq!(gzip.headers["content-encoding"], "gzip");
    assert!(gzip.headers["vary"].to_str().unwrap().contains("accept-encoding"));
    assert!(gzip.body.len() < plain.body.len() / 2);
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut text).unwrap();
    assert!(text == plain.body);
}

#[tokio::test]
async fn renditions_are_led_through_the_api_without_the_users_own_token() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p", "360p"], 2).await;
    let token = world.token("bob", Role::User);
    let master = get(&world, &format!("{}?token={token}", master_path(&video)), &[]).await.text();
    assert!(!master.contains(&token));
    let lines = uris(&master);
    assert_eq!(lines.len(), 2);
    for (line, name) in lines.iter().zip(["720p", "360p"]) {
        assert!(line.starts_with(&format!("/api/videos/{}/hls/{name}/playlist.m3u8?token=", video.short_id)), "{line}");
        let rendition = get(&world, line, &[]).await;
        assert_eq!(rendition.status, 200);
        assert!(uris(&rendition.text()).iter().all(|url| url.contains(&format!("/{name}/segment"))));
    }
    let other = world.published("Other", &["720p"], 2).await;
    let playback = lines[0].split("token=").nth(1).unwrap();
    for path in [master_path(&other), info_path(&other)] {
        assert_eq!(get(&world, &format!("{path}?token={playback}"), &[]).await.status, 404, "of one video alone");
    }
    let unknown = lines[0].replace("/720p/", "/1080p/");
    assert_eq!(get(&world, &unknown, &[]).await.status, 404);
}

#[tokio::test]
async fn no_signature_outlives_its_share_and_a_revoked_share_stops_at_once() {
    let world = World::new(43_200).await;
    let mut video = world.published("Clip", &[], 2).await;
    let hidden = world.service.videos.update(&video.short_id, |video| {
        video.visibility = Visibility::Private;
        Ok::<_, ()>(())
    });
    video = hidden.await.unwrap();
    world.service.video_changed(&video.short_id);
    assert_eq!(as_member(&world, &master_path(&video)).await.status, 404);

    let end = Timestamp::now() + SignedDuration::from_secs(600);
    let share = share(&world, &video, Some(end)).await;
    // As the version before made them: to the end of signatures, whatever the share's own end.
    let holder = Holder::Share(share.clone());
    let pass = Pass { holder, issued: None, expires: Timestamp::now().as_second() as u64 + 43_200 };
    let token = world.service.tokens.playback(&video.short_id, &pass);
    let path = format!("{}?token={token}", master_path(&video));
    let manifest = get(&world, &path, &[]).await;
    assert_eq!(manifest.status, 200);
    for url in uris(&manifest.text()) {
        assert!(url.ends_with(&format!("expires={}", end.as_second())), "{url}");
    }
    world.service.bucket.remove(&DocumentKey::Share(share)).await.unwrap();
    assert_eq!(get(&world, &path, &[]).await.status, 401);
    assert_eq!(get(&world, &format!("{}?token={token}", info_path(&video)), &[]).await.status, 401);
}

#[tokio::test]
async fn a_new_publication_is_in_the_manifest_at_once_and_a_deleted_video_is_gone() {
    let world = World::new(8).await;
    let video = world.published("Clip", &[], 2).await;
    let first = as_member(&world, &master_path(&video)).await;
    assert_eq!(first.headers["cache-control"], "private, max-age=2");
    let video = world.publish_again(&video, &["720p", "360p"], 2, 2).await;
    let second = as_member(&world, &master_path(&video)).await.text();
    assert!(second.contains("#EXT-X-STREAM-INF"), "{second}");
    let deleted = world.service.videos.update(&video.short_id, |video| {
        video.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    deleted.await.unwrap();
    world.service.video_changed(&video.short_id);
    assert_eq!(as_member(&world, &master_path(&video)).await.status, 404);
    assert_eq!(as_member(&world, &info_path(&video)).await.status, 404);
}
