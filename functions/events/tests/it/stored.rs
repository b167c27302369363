//! The documents of the events function in the form that stands in buckets: read, and written again as they were.

use clipset_events::{Walk, buried::Ends, dispatch::Dispatch, note::Note};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const ONE: &str = "67e55044-10b1-426f-9247-bb680e5fe0c2";
const OTHER: &str = "67e55044-10b1-426f-9247-bb680e5fe0c3";
const NOON: &str = "2026-11-22T12:00:00Z";

fn kept<T: Serialize + DeserializeOwned>(stored: &Value) {
    let read: T = serde_json::from_value(stored.clone()).unwrap();
    assert_eq!(&serde_json::to_value(read).unwrap(), stored);
}

#[test]
fn a_dispatch() {
    let dispatch = |place: &str| {
        json!({
            "job": "aB3dE6gH9j-first-1", "round": 2, "lost": 1, "place": place, "denied": 1, "since": NOON,
            "given": "batch-id", "to_stop": null,
            "outputs": {"hls": ONE, "progressive": OTHER, "poster": ONE},
        })
    };
    kept::<Dispatch>(&dispatch("first"));
    kept::<Dispatch>(&dispatch("fallback"));
    let mut before = dispatch("first");
    before.as_object_mut().unwrap().remove("denied");
    assert_eq!(serde_json::from_value::<Dispatch>(before).unwrap().denied, 0, "it was not counted once");
}

#[test]
fn since_when_uuids_are_orphans() {
    kept::<Note>(&json!({ONE: {"since": NOON, "last": NOON, "waited_seconds": 3600}}));
}

#[test]
fn when_tombstones_end() {
    kept::<Ends>(&json!([1_795_000_000, 1_795_003_600]));
}

#[test]
fn how_far_the_walk_has_come() {
    for place in [
        "listing",
        "documents",
        "shares",
        "sessions",
        "invitations",
        "attempts",
        "quotas",
        "ghosts",
        "hls",
        "progressive",
        "images",
        "originals",
        "judgement",
    ] {
        kept::<Walk>(&json!({
            "place": place, "after": "catalog/videos/aB3dE6gH9j", "began": NOON, "ran": NOON, "waited_seconds": 60,
            "names": {"id": ONE, "sha256": "00"}, "stored": 2, "found": [ONE], "too_many": false,
            "unreadable": ["catalog/videos/aB3dE6gH9j.json"], "migrate": true,
            "tally": {"ada": {"videos": 1, "bytes": 3}},
        }));
    }
}
