//! A signed manifest of 450 segments, beside axum answering the same bytes from memory; and the
//! memory that `clipset serve` takes for more than 100,000 of them.
//!
//! `cargo build --release --bins && cargo bench --bench manifest` (needs wrk; two minutes)
#![allow(missing_docs)]

use std::{net::SocketAddr, process::Command, time::Duration};

use axum::{Router, body::Bytes, routing::get};
use clipset_core::{
    Timestamp,
    account::Role,
    id::{EncodeId, ShortId},
    key::MediaKey,
    playlist::{CONTENT_TYPE, MediaPlaylist, Segment},
    video::{HlsStream, Publication, Upload, Video},
};
use clipset_service::Tokens;
use clipset_tests::{
    measure::{load, median_ratio, say},
    process::{Process, free_port},
    stack::{SECRET_KEY, SIGNING_SECRET, program},
    stores::{self, Store},
    wait,
};

const SEGMENTS: usize = 450;
const PAIRS: usize = 7;
const CONNECTIONS: u32 = 16;
const MEMORY_LIMIT_KIB: u64 = 64 * 1024;

#[tokio::main]
async fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let [_, mode, address, file] = &arguments[..]
        && mode == "peer"
    {
        return peer(address, file).await;
    }
    let store = stores::embedded().await;
    let short_id = publish(&store).await;
    let address = format!("127.0.0.1:{}", free_port());
    let ours = serve(&store, &address);
    let url = format!("http://{address}/api/videos/{short_id}/hls/master.m3u8");
    let token = Tokens::new(SECRET_KEY.as_bytes(), None).access(
        &"admin".parse().expect("a name"),
        Role::Admin,
        Timestamp::now().as_second(),
        3600,
    );
    let manifest = fetch(&url, &token).await;
    assert_eq!(manifest.matches("?md5=").count(), SEGMENTS);

    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), &manifest).expect("a file");
    let peer_address = format!("127.0.0.1:{}", free_port());
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let _peer = Process::start(command.arg("peer").arg(&peer_address).arg(file.path()));
    let peer_url = format!("http://{peer_address}/");
    wait::until("the peer", Duration::from_secs(10), async || reqwest::get(&peer_url).await.ok()).await;

    let header = format!("Authorization: Bearer {token}");
    let mut asked = 0.0;
    say(&format!(
        "manifest of {SEGMENTS} segments ({} bytes), {CONNECTIONS} connections (requests/s):",
        manifest.len()
    ));
    let ratio = median_ratio(
        PAIRS,
        || {
            let rate = load(&url, CONNECTIONS, &["-H", &header]).requests_per_second;
            asked += rate * 4.0;
            rate
        },
        || load(&peer_url, CONNECTIONS, &[]).requests_per_second,
    );
    say(&format!("median of {PAIRS} pairs: {ratio:.3} of axum from memory (at least 0.8)"));
    while asked < 100_000.0 {
        asked += load(&url, CONNECTIONS, &["-H", &header]).requests_per_second * 4.0;
    }
    let memory = peak_memory_kib(ours.id());
    say(&format!("memory of clipset serve after {asked:.0} manifests: at most {} MiB (below 64)", memory / 1024));

    for (name, path) in [("manifest", "hls/master.m3u8"), ("stream-info", "stream-info")] {
        for connections in [1, CONNECTIONS] {
            let url = format!("http://{address}/api/videos/{short_id}/{path}");
            let load = load(&url, connections, &["-H", &header]);
            say(&format!(
                "{name}, {connections} connection(s): p50 {:.2} ms, p99 {:.2} ms, {:.0} requests/s",
                load.p50, load.p99, load.requests_per_second
            ));
        }
    }
    assert!(ratio >= 0.8, "manifests are too slow");
    assert!(memory < MEMORY_LIMIT_KIB, "clipset serve takes too much memory");
}

/// Answers the bytes of `file` from memory.
async fn peer(address: &str, file: &str) {
    let body = Bytes::from(std::fs::read(file).expect("the manifest"));
    let answer = move || {
        let body = body.clone();
        async move { ([("content-type", CONTENT_TYPE), ("cache-control", "private, max-age=3600")], body) }
    };
    let address: SocketAddr = address.parse().expect("an address");
    let listener = tokio::net::TcpListener::bind(address).await.expect("a free port");
    axum::serve(listener, Router::new().route("/", get(answer))).await.expect("served");
}

fn serve(store: &Store, address: &str) -> Process {
    let mut command = Command::new(program("clipset"));
    command.args(["serve", "--listen", address]);
    command.env("SECRET_KEY", SECRET_KEY).env("HLS_SIGNING_SECRET", SIGNING_SECRET);
    let credentials = store.config.credentials.as_ref().expect("credentials");
    command.env("BUCKET", &store.config.bucket).env("AWS_REGION", &store.config.region);
    command.env("AWS_ENDPOINT_URL_S3", store.config.endpoint.as_deref().expect("an endpoint"));
    command.env("AWS_ACCESS_KEY_ID", &credentials.access_key).env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
    Process::start(&mut command)
}

/// A video that is published as 450 segments (their bytes are not asked for).
async fn publish(store: &Store) -> ShortId {
    let (encode, now) = (EncodeId::random(), Timestamp::now());
    let segment = |n: usize| Segment { duration: 4.0, uri: format!("segment{n:03}.ts"), pieces: Vec::new() };
    let playlist = MediaPlaylist { segments: (0..SEGMENTS).map(segment).collect(), ended: true };
    store.bucket.put_bytes(&MediaKey::Master(encode), playlist.to_text(4)).await.expect("stored");
    let short_id = ShortId::random();
    let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
    let mut video =
        Video::begin(short_id.clone(), "admin".parse().expect("a name"), "Half an hour".into(), upload, now);
    let job: clipset_core::id::JobId = format!("{short_id}-first-1").parse().expect("a job id");
    video.complete_upload(1, job.clone()).expect("uploading");
    let publication = Publication {
        job,
        at: now,
        duration_seconds: 1800.0,
        width: 1920,
        height: 1080,
        hls: Some(HlsStream { encode, renditions: vec![] }),
        progressive: None,
        poster: None,
        storyboard: None,
        checked: None,
    };
    video.publish(publication, now).expect("pending");
    clipset_bucket::Videos::new(store.bucket.clone()).create(&video).await.expect("stored");
    short_id
}

async fn fetch(url: &str, token: &str) -> String {
    let client = reqwest::Client::new();
    wait::until("clipset serve", Duration::from_secs(20), async || {
        let answer = client.get(url).bearer_auth(token).send().await.ok()?;
        answer.error_for_status().ok()?.text().await.ok()
    })
    .await
}

/// The most that a process ever had in memory.
fn peak_memory_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}
