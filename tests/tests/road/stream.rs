//! From an upload to every decoded picture.

use std::time::{Duration, Instant};

use clipset_core::{Timestamp, playlist::MediaPlaylist};
use clipset_tests::{
    client::uris,
    media::{COPYABLE, Clip, decodes_without_a_warning, frame_hashes},
    stack::{Stack, sign},
};
use reqwest::{Method, header};

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_goes_from_upload_to_every_decoded_frame() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "From the lake").await;
    let info = client.ready(&short_id).await;
    assert_eq!(info["format"], "hls");
    assert_eq!(info["manifest_url"], format!("/api/videos/{short_id}/hls/master.m3u8"));

    let manifest = client.manifest(&short_id).await.unwrap();
    let segments = uris(&manifest);
    assert_eq!(segments.len(), 5, "{manifest}");
    let now = Timestamp::now().as_second() as u64;
    for url in &segments {
        assert_eq!(client.status(url).await, 200);
        let path = url.split('?').next().unwrap();
        assert!(path.starts_with("/hls/") && path.ends_with(".ts"), "{url}");
        assert_eq!(client.status(path).await, 403, "no signature");
        let changed =
            if url.contains("?md5=A") { url.replace("?md5=A", "?md5=B") } else { url.replacen("?md5=", "?md5=A", 1) };
        assert_eq!(client.status(&changed).await, 403, "a changed signature");
        assert_eq!(client.status(&sign(path, now - 1)).await, 410, "an old one");
        assert_eq!(client.status(&sign(path, now + 60)).await, 200, "one of our own");
    }
    let missing = segments[0].split('?').next().unwrap().replace("segment000", "segment999");
    assert_eq!(client.status(&sign(&missing, now + 60)).await, 404);
    let range = client.request(Method::GET, &segments[0]).header(header::RANGE, "bytes=100-199").send().await.unwrap();
    assert_eq!(range.status(), 206);
    assert_eq!(range.headers()["access-control-allow-origin"], "*");
    assert_eq!(range.bytes().await.unwrap().len(), 100);

    let playlist = format!("{}/api/videos/{short_id}/hls/master.m3u8?token={}", stack.url, client.token);
    decodes_without_a_warning(&playlist);
    assert_eq!(frame_hashes(&playlist), frame_hashes(clip.to_str().unwrap()), "repackaged, not encoded");
    stack.maintenance(&["check", &short_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ladder_follows_by_itself_and_the_clip_plays_at_every_moment() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = Clip { width: 1280, height: 720, ..COPYABLE }.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Climbing").await;
    let first = client.manifest(&short_id).await;
    let info = client.ready(&short_id).await;
    let single = client.manifest(&short_id).await.or(first).unwrap();

    let deadline = Instant::now() + Duration::from_secs(120);
    let ladder = loop {
        assert!(Instant::now() < deadline, "the ladder never came");
        let playlist = client.manifest(&short_id).await.expect("it plays at every moment");
        let first_uri = &uris(&playlist)[0];
        assert_eq!(client.status(first_uri).await, 200);
        if playlist.contains("#EXT-X-STREAM-INF") {
            break playlist;
        }
    };
    for url in uris(&single) {
        assert_eq!(client.status(&url).await, 200, "who plays the first publication goes on");
    }
    let resolutions: Vec<_> = ladder
        .lines()
        .filter_map(|line| line.split("RESOLUTION=").nth(1))
        .map(|rest| rest.split(',').next().unwrap())
        .collect();
    assert_eq!(resolutions, ["1280x720", "854x480", "640x360"], "source first\n{ladder}");
    assert!(!ladder.contains(&client.token), "a user's own token is never written into a playlist");
    let mut lengths = Vec::new();
    for rendition in uris(&ladder) {
        let answer = reqwest::get(format!("{}{rendition}", stack.url)).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/vnd.apple.mpegurl");
        let playlist = answer.text().await.unwrap();
        lengths.push(
            MediaPlaylist::parse(&playlist)
                .unwrap()
                .segments
                .iter()
                .map(|segment| (segment.duration * 1000.0).round() as i64)
                .collect::<Vec<_>>(),
        );
        decodes_without_a_warning(&format!("{}{rendition}", stack.url));
    }
    for other in &lengths[1..] {
        assert_eq!(other.len(), lengths[0].len());
        assert!(other.iter().zip(&lengths[0]).all(|(a, b)| (a - b).abs() <= 34), "boundaries differ: {lengths:?}");
    }
    let token = info["playback_token"].as_str().unwrap();
    let source = format!("{}/api/videos/{short_id}/hls/{}?token={token}", stack.url, "720p/playlist.m3u8");
    assert_eq!(frame_hashes(&source), frame_hashes(clip.to_str().unwrap()), "the source's own rendition is copied");
    stack.maintenance(&["check", &short_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_with_rare_keyframes_is_encoded_into_segments_of_four_seconds() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = Clip { keyframes_every: 250, ..COPYABLE }.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Rare keyframes").await;
    client.ready(&short_id).await;
    let manifest = client.manifest(&short_id).await.unwrap();
    let playlist = MediaPlaylist::parse(&manifest).unwrap();
    let (last, others) = playlist.segments.split_last().unwrap();
    assert_eq!(others.len(), 4, "{manifest}");
    for segment in others {
        assert!((segment.duration - 4.0).abs() <= 1.0 / 30.0, "{manifest}");
    }
    assert!(last.duration <= 4.0 + 1.0 / 30.0);
    assert!((playlist.duration() - 20.0).abs() <= 1.0 / 30.0 * 2.0, "{manifest}");
    decodes_without_a_warning(&format!("{}/api/videos/{short_id}/hls/master.m3u8?token={}", stack.url, client.token));
    let frames = frame_hashes(&format!("{}/api/videos/{short_id}/hls/master.m3u8?token={}", stack.url, client.token));
    assert_eq!(frames.len(), 600);
    stack.maintenance(&["check", &short_id]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_and_the_mp4_follow_the_publication() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Pictures").await;
    client.stream_info(&short_id, |info| !info["poster_url"].is_null() && !info["stream_url"].is_null()).await;
    for (path, kind) in [("poster", "image/jpeg"), ("stream", "video/mp4")] {
        let redirect = client.request(Method::GET, &format!("/api/videos/{short_id}/{path}")).send().await.unwrap();
        assert_eq!(redirect.status(), 307, "{path}");
        let location = redirect.headers()["location"].to_str().unwrap().to_owned();
        let target = if location.starts_with('/') { format!("{}{location}", stack.url) } else { location };
        let answer = reqwest::get(target).await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap()), (200, kind));
    }
    let original = client.request(Method::GET, &format!("/api/videos/{short_id}/original")).send().await.unwrap();
    let location = original.headers()["location"].to_str().unwrap().to_owned();
    let download = reqwest::get(location).await.unwrap();
    assert_eq!(download.status(), 200);
    assert!(download.bytes().await.unwrap() == std::fs::read(&clip).unwrap(), "the original comes back as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_video_fails_with_a_sentence() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let file = stack.folder().join("notes.mp4");
    std::fs::write(&file, "These are my notes, and no video.\n".repeat(1000)).unwrap();
    let short_id = client.upload(&file, "Notes").await;
    let path = format!("/api/videos/{short_id}");
    let video = clipset_tests::wait::until("the failure", Duration::from_secs(60), async || {
        let video = client.get(&path).await;
        (video["processing_status"] == "failed").then_some(video)
    })
    .await;
    let error = video["error"].as_str().unwrap();
    assert!(error.ends_with('.') && !error.contains('/'), "{error}");
}
