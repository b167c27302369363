//! One fetch for many, and none for what is there.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use crate::client;
use crate::signing::{CURRENT, PREVIOUS, good, signed};
use crate::world::{SEGMENT, World, bytes, wait_until};

#[test]
fn fifty_players_that_wait_for_a_cold_segment_cost_the_bucket_one_fetch() {
    let world = World::start();
    let segment = bytes(1_500_000);
    world.store(SEGMENT, segment.clone());
    world.bucket.open_gate(false);

    let address = world.nginx.address();
    let all_have_asked = Arc::new(Barrier::new(51));
    let players: Vec<_> = (0..50_u64)
        .map(|player| {
            let all_have_asked = Arc::clone(&all_have_asked);
            // Each its own signature: the cache must not care.
            let target = signed(SEGMENT, CURRENT, 1000 + player);
            thread::spawn(move || {
                let stream = client::begin(address, "GET", &target, &[], b"");
                all_have_asked.wait();
                client::finish(stream)
            })
        })
        .collect();
    all_have_asked.wait();
    world.bucket.open_gate(true);

    for player in players {
        let answer = player.join().unwrap();
        assert_eq!(answer.status, 200);
        assert!(answer.body == segment);
    }
    assert_eq!(world.bucket.seen().len(), 1);
}

#[test]
fn a_cached_segment_is_served_without_the_bucket_whatever_its_signature() {
    let world = World::start();
    world.store(SEGMENT, "segment");
    for address in [good(SEGMENT), signed(SEGMENT, CURRENT, 60), signed(SEGMENT, PREVIOUS, 60)] {
        assert_eq!(world.get(&address).text(), "segment");
        assert_eq!(world.send("HEAD", &address, &[]).status, 200);
    }
    assert_eq!(world.bucket.seen().len(), 1);
}

#[test]
fn after_a_few_seconds_the_bucket_is_asked_whether_it_is_still_there_and_sends_no_byte() {
    let world = World::start();
    world.store(SEGMENT, "segment");
    assert_eq!(world.get(&good(SEGMENT)).status, 200);
    wait_until(Duration::from_secs(10), || {
        assert_eq!(world.get(&good(SEGMENT)).text(), "segment");
        world.bucket.seen().len() > 1
    });
    assert!(world.bucket.seen()[1].header("if-none-match").is_some());
}

#[test]
fn the_bucket_sees_nothing_of_a_viewer() {
    let world = World::start();
    world.store(SEGMENT, "segment");
    let headers =
        [("Authorization", "Bearer t"), ("Cookie", "session=s"), ("X-Anything", "x"), ("Referer", "https://x/")];
    assert_eq!(world.send("GET", &good(SEGMENT), &headers).status, 200);
    let seen = world.bucket.seen();
    assert_eq!(seen[0].target, format!("/clipset{SEGMENT}"));
    let mut names: Vec<_> = seen[0].headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    assert_eq!(names, ["host", "range"]);
}

#[test]
fn a_bucket_that_does_not_answer_is_503_that_another_origin_can_read_and_try_again() {
    let world = World::with(|setup| setup.bucket_address = "127.0.0.1:9".to_owned());
    let answer = world.get(&good(SEGMENT));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("retry-after").is_some());
}

#[test]
fn an_address_too_long_for_nginx_is_refused_and_readable_from_another_origin() {
    let world = World::start();
    let answer = world.get(&format!("/hls/{}.ts", "a".repeat(20_000)));
    assert_eq!(answer.status, 414);
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}
