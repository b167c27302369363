//! Cold start: from the start of a function's process to its first answer, beside a `lambda_http` hello world.
//!
//! `cargo lambda build --locked --profile lambda --lambda-dir target/packages -p clipset-stream-info -p clipset-sign-manifest`,
//! the same with `-p clipset-hello`, then `cargo bench --bench cold_start` (half a minute)
#![allow(missing_docs)]

use std::{path::Path, time::Instant};

use clipset_core::account::Role;
use clipset_tests::{lambda::Lambda, measure::say, world::World};

const ROUNDS: usize = 40;
/// Above hello, milliseconds.
const LIMIT: f64 = 15.0;

#[tokio::main]
async fn main() {
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/packages");
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 450).await;
    let bearer = format!("Bearer {}", world.token("bob", Role::User));
    let programs = [
        ("clipset-hello", "stream-info"),
        ("clipset-stream-info", "stream-info"),
        ("clipset-sign-manifest", "hls/master.m3u8"),
    ];
    let mut times = [(); 3].map(|()| Vec::new());
    for round in 0..=ROUNDS {
        // In turn, so that whatever else the machine does meets all alike; the first round warms the disk's cache.
        for ((name, what), times) in programs.iter().zip(&mut times) {
            let path = format!("/api/videos/{}/{what}", video.short_id);
            let time = start(&target.join(name).join("bootstrap"), &world, &path, &bearer).await;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let [hello, ours @ ..] = times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[ROUNDS / 2], times[0])
    });
    say(&format!("hello: median {:.1} ms, best {:.1} ms", hello.0, hello.1));
    for ((name, _), (median, best)) in programs[1..].iter().zip(ours) {
        let above = median - hello.0;
        say(&format!("{name}: median {median:.1} ms, best {best:.1} ms: {above:.1} ms above (at most {LIMIT})"));
        assert!(above <= LIMIT, "{name} starts too slowly");
    }
}

/// Milliseconds.
async fn start(program: &Path, world: &World, path: &str, bearer: &str) -> f64 {
    let began = Instant::now();
    let mut function = Lambda::start(program, world, &[], None).await;
    let (status, body) = function.get("1", path, &[("authorization", bearer)]).await;
    let took = began.elapsed().as_secs_f64() * 1000.0;
    assert_eq!(status, 200, "{}: {body}", program.display());
    took
}
