//! A deleted clip's addresses end, cached or not.

use std::fs;
use std::time::Duration;

use crate::client;
use crate::signing::{PREVIOUS, good, signed};
use crate::world::{SEGMENT, UUID, World, wait_until};

#[test]
fn a_tombstone_ends_every_address_of_the_clip_at_once() {
    let world = World::start();
    let (film, picture) = (format!("/progressive/{UUID}.mp4"), format!("/images/{UUID}/storyboard-000.jpg"));
    let of_the_clip = [SEGMENT, &film, &picture];
    let other = "/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a12/segment000.ts";
    for uri in [SEGMENT, &film, &picture, other] {
        world.store(uri, "bytes");
        assert_eq!(world.get(&good(uri)).status, 200);
    }
    fs::write(world.nginx.tombstones().join(UUID), "").unwrap();
    for uri in of_the_clip {
        for address in [good(uri), signed(uri, PREVIOUS, 60)] {
            let answer = world.get(&address);
            assert_eq!(answer.status, 410);
            assert_eq!(answer.header("cache-control"), Some("no-store"));
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
        }
        assert_eq!(world.get(&signed(uri, "fedcba9876543210fedcba9876543210", 60)).status, 403);
    }
    assert_eq!(world.get(&good(other)).status, 200);
}

#[test]
fn a_cached_segment_is_gone_within_ten_seconds_of_its_objects_end() {
    let world = World::start();
    world.store(SEGMENT, "bytes");
    assert_eq!(world.get(&good(SEGMENT)).status, 200);
    world.bucket.remove(&format!("/clipset{SEGMENT}"));
    wait_until(Duration::from_secs(10), || world.get(&good(SEGMENT)).status == 404);
    assert_eq!(world.get(&good(SEGMENT)).status, 404, "and it stays gone");
}

#[test]
fn while_the_bucket_is_silent_nothing_is_served_past_those_seconds() {
    let world = World::start();
    world.store(SEGMENT, "bytes");
    assert_eq!(world.get(&good(SEGMENT)).status, 200);
    world.bucket.open_gate(false);
    let ask = || client::begin(world.nginx.address(), "GET", &good(SEGMENT), &[], b"");
    wait_until(Duration::from_secs(10), || {
        drop(ask());
        world.bucket.seen().len() > 1
    });
    // From now on the entry is out of date: whoever asks waits for the bucket, since no answer is better than an old one.
    let waiting = ask();
    world.bucket.remove(&format!("/clipset{SEGMENT}"));
    world.bucket.open_gate(true);
    assert_eq!(client::finish(waiting).status, 404);
}
