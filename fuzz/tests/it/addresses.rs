use clipset_core::{key::MediaKey, path::is_edge_path};
use clipset_fuzz::{cases, mutated_text};
use proptest::prelude::*;

const SEEDS: [&str; 4] = [
    "/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/segment000.ts",
    "/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/720p/segment000.ts",
    "/progressive/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11.mp4",
    "/images/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/sprite0.jpg",
];

/// The contract's grammar, read once more: `^/(hls|progressive|images)(/[0-9A-Za-z_-]+)+\.[0-9a-z]+$`.
fn is_of_the_grammar(path: &str) -> bool {
    let Some((stem, extension)) = path.rsplit_once('.') else { return false };
    let mut names = stem.split('/');
    let plain =
        |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let below =
        names.next() == Some("") && names.next().is_some_and(|top| ["hls", "progressive", "images"].contains(&top));
    let rest: Vec<_> = names.collect();
    let extended = !extension.is_empty() && extension.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase());
    below && !rest.is_empty() && rest.into_iter().all(plain) && extended
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn the_edge_takes_the_contracts_grammar_and_nothing_else(path in mutated_text(&SEEDS)) {
        prop_assert_eq!(is_edge_path(&path), is_of_the_grammar(&path), "{:?}", path);
    }

    #[test]
    fn a_key_that_is_read_is_written_as_it_was(key in mutated_text(&SEEDS.map(|seed| &seed[1..]))) {
        if let Some(read) = MediaKey::parse(&key) {
            prop_assert_eq!(read.to_string(), key);
        }
    }
}
