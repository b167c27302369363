//! A library of very many clips beside one of 1,000: what requests and scheduled runs take.
//!
//! `cargo bench --bench catalogue` makes 1,000,000 clips as documents in a store in memory, some 3 GB; `CLIPS=100000` fewer.
#![allow(missing_docs)]

use std::time::{Duration, Instant};

use axum::{Router, body::Body};
use clipset_core::{account::Role, key::DocumentKey, listing::order_key, video::Video};
use clipset_events::{Bounds, step_at, work_due};
use clipset_tests::{
    library::{progressive, store_in_memory},
    measure::say,
    memory::Memory,
    stores,
    world::World,
};
use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

const SMALL: usize = 1000;
const LARGE: usize = 1_000_000;

/// Both are asked in turn, so that a noisy machine disturbs both.
const ROUNDS: usize = 9;

/// Clips that are remembered, to be deleted one by one and to begin a page at.
const KEPT: usize = 600;

/// What is done to both, and how many times as long it may take in the large one.
const MEASURED: [(&str, f64); 13] = [
    ("first page", 2.0),
    ("a page by its cursor", 2.0),
    ("first page of a search that finds much", 2.0),
    // The summaries of all shards are asked whether they changed.
    ("search for a word that one clip has", SEARCH),
    ("search for a word that no clip has", SEARCH),
    ("change of an old clip's title", 2.0),
    ("stream-info", 2.0),
    ("beginning an upload", 2.0),
    ("completing an upload", 2.0),
    ("status of the migration", 2.0),
    ("list of members", 2.0),
    ("a deletion, done", 2.0),
    ("a scheduled run over 1,000 documents", 2.0),
];

/// A search goes through the names and the summaries of all shards, a page of each for every 40,000 clips.
const SEARCH: f64 = 40.0;

struct Library {
    world: World,
    router: Router,
    token: String,
    videos: Vec<Video>,
    /// Members, of whom each has 20 uploads at most.
    member: usize,
}

impl Library {
    async fn new(clips: usize) -> Self {
        let title = |n: usize| format!("Clip {n} of the {}", if n.is_multiple_of(7) { "sea" } else { "lake" });
        let (objects, begun) = (Memory::default(), Instant::now());
        let mut videos = store_in_memory(&objects, clips, KEPT, |n| progressive(title(n), n));
        let old = progressive("The xylophone".into(), clips);
        objects.put(DocumentKey::Video(old.short_id.clone()).to_string(), serde_json::to_vec(&old).expect("JSON"));
        let world = World::over(stores::memory(objects).await, 43_200).await;
        world.service.videos.relist(std::slice::from_ref(&old)).await.expect("listed");
        videos.push(old);
        say(&format!("{clips} clips were made in {:.0} s", begun.elapsed().as_secs_f64()));
        let begun = Instant::now();
        let shards = world.service.videos.summarise(usize::MAX).await.expect("summarised");
        say(&format!("{shards} shards were summarised in {:.0} s", begun.elapsed().as_secs_f64()));
        world.service.migrations.start(false).await.expect("started");
        let token = world.token("admin", Role::Admin);
        let router =
            clipset_api::router(world.service.clone()).merge(clipset_stream_info::router(world.service.clone()));
        Self { router, world, token, videos, member: 0 }
    }

    async fn ask(&self, method: Method, path: &str, body: &Value) -> Value {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let answer = self.router.clone().oneshot(request.body(body).expect("a request")).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        assert!(status == StatusCode::OK, "{path}: {status} {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("JSON")
    }

    async fn get(&self, path: &str) -> Duration {
        let begun = Instant::now();
        self.ask(Method::GET, path, &Value::Null).await;
        begun.elapsed()
    }

    /// An upload of a few bytes: how long it takes to begin it, and to complete it.
    async fn upload(&mut self) -> (Duration, Duration) {
        self.member += 1;
        self.token = self.world.token(&format!("member{}", self.member), Role::Admin);
        let begun = Instant::now();
        let create = json!({"filename": "a.mp4", "type": "video/mp4", "metadata": {"title": "A", "size": 3}});
        let upload = self.ask(Method::POST, "/api/s3/multipart", &create).await;
        let beginning = begun.elapsed();
        let (id, key) = (upload["uploadId"].as_str().expect("an id"), upload["key"].as_str().expect("a key"));
        let signed = self.ask(Method::GET, &format!("/api/s3/multipart/{id}/1?key={key}"), &Value::Null).await;
        let put = reqwest::Client::new().put(signed["url"].as_str().expect("an address")).body("end");
        let put = put.send().await.expect("stored");
        let parts = json!({"parts": [{"PartNumber": 1, "ETag": put.headers()["etag"].to_str().expect("an etag")}]});
        let begun = Instant::now();
        self.ask(Method::POST, &format!("/api/s3/multipart/{id}/complete?key={key}"), &parts).await;
        (beginning, begun.elapsed())
    }

    /// One clip is deleted, and goes.
    async fn delete(&mut self) -> Duration {
        let id = self.videos.remove(0).short_id;
        let service = &self.world.service;
        let begun = Instant::now();
        let deleted = service.videos.update(&id, |video| {
            video.delete(service.bucket.now());
            Ok::<_, std::convert::Infallible>(())
        });
        deleted.await.expect("deleted");
        work_due(service, &Bounds::default()).await.expect("removed");
        let taken = begun.elapsed();
        assert!(service.videos.get(&id).await.expect("read").is_none(), "it is gone");
        taken
    }

    async fn measure(&mut self) -> [Duration; MEASURED.len()] {
        let old = self.videos.last().expect("an old one").short_id.clone();
        let clip = format!("/api/videos/{}/stream-info", self.videos[0].short_id);
        let first = self.get("/api/videos").await;
        let cursor = self.videos[KEPT / 2].created_at;
        let cursor = order_key(cursor, &self.videos[KEPT / 2].short_id);
        let page = self.get(&format!("/api/videos?cursor={cursor}")).await;
        let search = self.get("/api/videos?q=sea").await;
        let rare = self.get("/api/videos?q=xylophone").await;
        let none = self.get("/api/videos?q=zzyzx").await;
        let begun = Instant::now();
        self.ask(Method::PATCH, &format!("/api/videos/{old}"), &json!({"description": self.member.to_string()})).await;
        let change = begun.elapsed();
        // As the next scheduled run does: what follows is measured as it is most of the time.
        self.world.service.videos.summarise(usize::MAX).await.expect("summarised");
        let stream_info = self.get(&clip).await;
        let (beginning, completing) = self.upload().await;
        // Tended as a server does, outside what is measured: one that waited long would be tended by who asks.
        self.world.service.migrations.tend().await.expect("tended");
        let status = self.get("/api/config/hls-migration-status").await;
        let members = self.get("/api/users").await;
        let deletion = self.delete().await;
        let now = self.world.service.bucket.time().await.expect("a time");
        let begun = Instant::now();
        let bounds = Bounds { reads: SMALL, ..Bounds::default() };
        step_at(&self.world.service, now, &bounds).await.expect("a run");
        [
            first,
            page,
            search,
            rare,
            none,
            change,
            stream_info,
            beginning,
            completing,
            status,
            members,
            deletion,
            begun.elapsed(),
        ]
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() {
    let clips = std::env::var("CLIPS").ok().and_then(|clips| clips.parse().ok()).unwrap_or(LARGE);
    let (mut small, mut large) = (Library::new(SMALL).await, Library::new(clips).await);
    let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS + 1 {
        let (first, second) = (small.measure().await, large.measure().await);
        if round >= 1 {
            of_small.push(first);
            of_large.push(second);
        }
    }
    let mut broken = Vec::new();
    for (n, (name, most)) in MEASURED.into_iter().enumerate() {
        let of = |times: &[[Duration; MEASURED.len()]]| median(times.iter().map(|times| times[n]).collect());
        let (of_small, of_large) = (of(&of_small), of(&of_large));
        let ratio = of_large / of_small;
        say(&format!(
            "{name}: {of_small:.2} ms of {SMALL} clips, {of_large:.2} ms of {clips}: {ratio:.2} times (at most {most})"
        ));
        if ratio > most {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "too slow: {broken:?}");
}
