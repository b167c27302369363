//! A library of 10,000 clips beside one of 100: the status of a migration, the first page, a search.
//!
//! `cargo bench --bench catalogue` (a minute)
#![allow(missing_docs)]

use std::time::{Duration, Instant};

use axum::{Router, body::Body};
use clipset_core::account::Role;
use clipset_tests::{
    library::{progressive, store},
    measure::say,
    world::World,
};
use http::{Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

const SMALL: usize = 100;
const LARGE: usize = 10_000;

/// Both are asked in turn, so that a noisy machine disturbs both.
const ROUNDS: usize = 101;

struct Library {
    world: World,
    router: Router,
    token: String,
}

impl Library {
    async fn new(clips: usize) -> Self {
        let world = World::new(43_200).await;
        let title = |n: usize| if n == clips - 1 { "The needle".to_owned() } else { format!("Clip {n} of the lake") };
        let videos: Vec<_> = (0..clips).map(|n| progressive(title(n), n)).collect();
        store(&world.service.bucket, &videos).await;
        world.service.migrations.start(false).await.expect("started");
        let token = world.token("admin", Role::Admin);
        Self { router: clipset_api::router(world.service.clone()), world, token }
    }

    async fn ask(&self, path: &str) -> Duration {
        let request = Request::get(path).header(header::AUTHORIZATION, format!("Bearer {}", self.token));
        let begun = Instant::now();
        let answer = self.router.clone().oneshot(request.body(Body::empty()).expect("a request")).await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let taken = begun.elapsed();
        assert!(!path.contains("q=") || body.windows(6).any(|found| found == b"needle"), "the search finds it");
        taken
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1000.0
}

#[tokio::main]
async fn main() {
    let (small, large) = (Library::new(SMALL).await, Library::new(LARGE).await);
    let mut broken = Vec::new();
    for (name, path, most) in [
        ("status of the migration", "/api/config/hls-migration-status", 2.0),
        ("first page", "/api/videos", 2.0),
        ("search for the oldest", "/api/videos?q=needle", 20.0),
    ] {
        let (mut of_small, mut of_large) = (Vec::new(), Vec::new());
        for round in 0..ROUNDS + 5 {
            // Tended as a server does, outside what is measured.
            for library in [&small, &large] {
                library.world.service.migrations.tend().await.expect("tended");
            }
            let (first, second) = (small.ask(path).await, large.ask(path).await);
            if round >= 5 {
                of_small.push(first);
                of_large.push(second);
            }
        }
        let (of_small, of_large) = (median(of_small), median(of_large));
        let ratio = of_large / of_small;
        say(&format!(
            "{name}: {of_small:.2} ms of {SMALL} clips, {of_large:.2} ms of {LARGE}: {ratio:.2} times (at most {most})"
        ));
        if ratio > most {
            broken.push(name);
        }
    }
    assert!(broken.is_empty(), "too slow: {broken:?}");
}
