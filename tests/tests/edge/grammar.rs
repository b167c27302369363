//! Requests that nobody would write, to the real nginx: what is not of the contract's grammar is 403, whatever it looks like.

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use crate::signing::{CURRENT, now, signature};
use crate::world::{SEGMENT, World};

/// As many as take a few seconds.
const REQUESTS: usize = 1500;

/// Pieces of good addresses, and of those that slip through other edges.
const PIECES: [&str; 28] = [
    "/",
    "//",
    "hls",
    "HLS",
    "images",
    "progressive",
    "originals",
    "segment000.ts",
    "..",
    ".",
    "%2e%2e",
    "%2f",
    "%00",
    "%68ls",
    ";",
    "?",
    "&",
    "=",
    "md5",
    "expires",
    "#",
    "\\",
    "a",
    "-",
    "_",
    ".mp4",
    "+",
    "~",
];

fn some(random: &mut StdRng) -> String {
    (0..random.random_range(1..6)).map(|_| *PIECES.choose(random).unwrap()).collect()
}

/// A good address with a piece put in, taken out or put in the place of another, signed for what it then is.
fn target(random: &mut StdRng) -> String {
    let mut path = SEGMENT.to_owned();
    let at = random.random_range(0..path.len());
    match random.random_range(0..4) {
        0 => path.insert_str(at, &some(random)),
        1 => path.truncate(at.max(1)),
        2 => path = format!("/{}", some(random)),
        _ => {}
    }
    let expires = (now() + 600).to_string();
    let mut query = format!("md5={}&expires={expires}", signature(&expires, &path, CURRENT));
    let at = random.random_range(0..query.len());
    match random.random_range(0..6) {
        0 => query.insert_str(at, &some(random)),
        1 => query.truncate(at),
        2 => query = format!("{query}&{}", some(random)),
        _ => {}
    }
    format!("{path}?{query}")
}

/// The contract's two regular expressions, by hand.
fn is_of_the_grammar(target: &str) -> bool {
    let Some((path, query)) = target.split_once('?') else { return false };
    let signed = query.strip_prefix("md5=").and_then(|rest| rest.split_once("&expires="));
    signed.is_some_and(|(md5, expires)| {
        let digits = expires.bytes().all(|b| b.is_ascii_digit()) && !expires.starts_with('0');
        let letters = md5.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        clipset_core::path::is_edge_path(path)
            && (md5.len() == 22 && letters && md5.ends_with(['A', 'Q', 'g', 'w']))
            && (10..=12).contains(&expires.len())
            && digits
    })
}

#[test]
fn what_is_not_of_the_grammar_is_never_served() {
    let world = World::start();
    world.store(SEGMENT, "bytes");
    let seed = 20_261_127;
    let mut random = StdRng::seed_from_u64(seed);
    let mut served = 0;
    for _ in 0..REQUESTS {
        let target = target(&mut random);
        let media = ["/hls/", "/images/", "/progressive/"].iter().any(|top| target.starts_with(top));
        let answer = world.get(&target);
        match answer.status {
            200 if answer.body == b"bytes" => {
                assert!(is_of_the_grammar(&target), "served {target}");
                served += 1;
            }
            403 | 404 | 410 if media => {
                assert!(answer.status == 403 || is_of_the_grammar(&target), "{} {target}", answer.status)
            }
            // The bytes of a segment are nowhere else; nginx refuses some spellings before it chooses a place.
            status => assert!(answer.body != b"bytes" && status < 500, "{status} {target}"),
        }
    }
    assert!(served > 0, "no request was a good one, so nothing was tried");
}
