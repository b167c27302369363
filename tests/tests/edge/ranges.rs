//! Ranges, conditional requests and HEAD, over a file of several slices.

use crate::signing::{PREVIOUS, good, signed};
use crate::world::{World, bytes};

const FILE: &str = "/progressive/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11.mp4";
const LENGTH: usize = 5_000_001;

fn world() -> World {
    let world = World::start();
    world.store(FILE, bytes(LENGTH));
    world
}

#[test]
fn every_range_holds_the_bytes_it_says_on_a_cold_and_on_a_warm_cache() {
    let all = bytes(LENGTH);
    for secret_of_address in [good as fn(&str) -> String, |uri| signed(uri, PREVIOUS, 600)] {
        let world = world();
        for (range, first, end) in [
            ("bytes=4999000-", 4_999_000, LENGTH),
            ("bytes=0-0", 0, 1),
            ("bytes=1048570-1048580", 1_048_570, 1_048_581),
            ("bytes=2097151-2097152", 2_097_151, 2_097_153),
            ("bytes=100-4500000", 100, 4_500_001),
            ("bytes=-1", LENGTH - 1, LENGTH),
            ("bytes=-3000000", LENGTH - 3_000_000, LENGTH),
            ("bytes=0-", 0, LENGTH),
            ("bytes=4000000-9999999", 4_000_000, LENGTH),
        ] {
            for _ in 0..2 {
                let answer = world.send("GET", &secret_of_address(FILE), &[("Range", range)]);
                assert_eq!(answer.status, 206, "{range}");
                let content_range = format!("bytes {first}-{}/{LENGTH}", end - 1);
                assert_eq!(answer.header("content-range"), Some(content_range.as_str()));
                assert_eq!(answer.header("accept-ranges"), Some("bytes"), "{range}");
                assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
                assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
                assert!(answer.body == all[first..end], "{range}: other bytes");
            }
        }
    }
}

#[test]
fn the_whole_file_is_its_slices_in_order() {
    let world = world();
    for _ in 0..2 {
        let answer = world.get(&good(FILE));
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), Some(LENGTH.to_string().as_str()));
        assert!(answer.body == bytes(LENGTH));
    }
    assert!(world.bucket.seen().iter().all(|request| request.header("range").is_some()), "fetched by slices only");
}

#[test]
fn a_range_behind_the_end_is_416_and_readable_from_another_origin() {
    let world = world();
    for range in ["bytes=5000001-", "bytes=5000001-5000002", "bytes=99000000-", "bytes=-0"] {
        for address in [good(FILE), signed(FILE, PREVIOUS, 600)] {
            let answer = world.send("GET", &address, &[("Range", range)]);
            assert_eq!(answer.status, 416, "{range}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{range}");
            assert!(
                answer.headers.iter().any(|(name, value)| name == "Cache-Control" && value == "no-store"),
                "{range}"
            );
            assert!(!answer.text().contains("Error"), "{range}");
        }
    }
}

#[test]
fn several_ranges_at_once_get_the_whole_file() {
    let answer = world().send("GET", &good(FILE), &[("Range", "bytes=0-1,4-5")]);
    assert_eq!((answer.status, answer.body.len()), (200, LENGTH));
}

#[test]
fn a_range_counts_only_while_if_range_names_this_object() {
    let world = world();
    let etag = world.send("HEAD", &good(FILE), &[]).header("etag").unwrap().to_owned();
    for (if_range, status, length) in [
        (etag.as_str(), 206, 10),
        ("\"another\"", 200, LENGTH),
        ("Tue, 15 Nov 2022 12:45:26 GMT", 206, 10),
        ("Tue, 15 Nov 1994 12:45:26 GMT", 200, LENGTH),
    ] {
        let answer = world.send("GET", &good(FILE), &[("Range", "bytes=10-19"), ("If-Range", if_range)]);
        assert_eq!((answer.status, answer.body.len()), (status, length), "{if_range}");
        // Panics if it is there twice.
        answer.header("accept-ranges");
    }
}

#[test]
fn head_says_what_get_would_and_fetches_no_more_than_one_slice() {
    let world = world();
    let answer = world.send("HEAD", &good(FILE), &[]);
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert_eq!(answer.header("content-length"), Some(LENGTH.to_string().as_str()));
    assert_eq!(answer.header("accept-ranges"), Some("bytes"));
    assert_eq!(world.bucket.seen().len(), 1);
}

#[test]
fn a_client_that_has_it_is_told_so() {
    let world = world();
    let first = world.get(&good(FILE));
    for (name, header) in [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")] {
        let answer = world.send("GET", &good(FILE), &[(name, first.header(header).unwrap())]);
        assert_eq!((answer.status, answer.body.len()), (304, 0), "{name}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}
