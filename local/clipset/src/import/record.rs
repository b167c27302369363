//! What an import notes of each video: where it is being written, and in the end what was brought.

use clipset_core::{Timestamp, id::EncodeId, key::MediaKey};
use serde::{Deserialize, Serialize};

use super::files::{Found, Item};
use crate::checksum::Checksum;

/// `catalog/imports/{short_id}.json`. Written before the first object, so that a second try goes on under the same keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The video's short id there.
    pub source: String,
    /// Below which uuids its objects stand.
    pub ids: Ids,
    /// When it was begun.
    pub began_at: Timestamp,
    /// Set in the end.
    pub finished: Option<Finished>,
}

/// One uuid for each kind of object: what supersedes one of them must not take another with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the prefixes' names")]
pub struct Ids {
    pub original: EncodeId,
    pub hls: EncodeId,
    pub progressive: EncodeId,
    pub image: EncodeId,
}

/// The end of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finished {
    /// When the import of this video was completed.
    pub at: Timestamp,
    /// Every object, as it was read back from the bucket.
    pub objects: Vec<Object>,
}

/// One object of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Of the file there and of the object here.
    #[serde(flatten)]
    pub checksum: Checksum,
}

/// What a video becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The stream is published as it is.
    pub hls: bool,
    /// The file is published as it is.
    pub progressive: bool,
    /// The file is kept as the original.
    pub original: bool,
    /// Nothing is published: a job prepares the original.
    pub job: bool,
}

impl Shape {
    /// Of what was `found` of a video that was ready (`completed`) or not, under the settings here.
    pub fn of(found: &Found, completed: bool, keep_originals: bool, progressive_fallback: bool) -> Self {
        let hls = !found.stream.is_empty();
        let playable = completed && found.movie.as_ref().is_some_and(|movie| movie.playable);
        let progressive = playable && (progressive_fallback || !hls);
        let job = !hls && !progressive;
        let original = found.movie.is_some() && (keep_originals || job);
        Self { hls, progressive, original, job }
    }

    /// In words.
    pub fn describe(self, found: &Found) -> String {
        match (self.hls, self.progressive) {
            (true, _) => format!("stream of {} segments, as it is", found.stream.len() - 1),
            (false, true) => "MP4, as it is".to_owned(),
            (false, false) => "original, to be prepared by a job".to_owned(),
        }
    }
}

impl Ids {
    /// New ones.
    pub fn random() -> Self {
        let [original, hls, progressive, image] = std::array::from_fn(|_| EncodeId::random());
        Self { original, hls, progressive, image }
    }

    /// All of them.
    pub fn all(self) -> Vec<EncodeId> {
        vec![self.original, self.hls, self.progressive, self.image]
    }

    /// What is to be written for `found` in `shape`; the playlist last, as in every publication.
    pub fn objects(self, found: &Found, shape: Shape) -> Vec<(MediaKey, Item)> {
        let mut objects = Vec::new();
        if let Some(movie) = &found.movie {
            if shape.original {
                objects.push((MediaKey::Original(self.original), movie.file.clone()));
            }
            if shape.progressive {
                objects.push((MediaKey::Progressive(self.progressive), movie.file.clone()));
            }
        }
        if let Some(picture) = found.picture.as_ref().filter(|_| !shape.job) {
            objects.push((MediaKey::Poster(self.image), picture.clone()));
        }
        if shape.hls {
            let (playlist, segments) = found.stream.split_first().expect("a stream has a playlist");
            let segments =
                segments.iter().map(|segment| (MediaKey::Segment(self.hls, None, segment.name.clone()), segment));
            objects.extend(segments.map(|(key, item)| (key, item.clone())));
            objects.push((MediaKey::Master(self.hls), playlist.clone()));
        }
        objects
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_record_stands_in_the_bucket_in_this_form() {
        let uuid = |digit: u8| format!("67e55044-10b1-426f-9247-bb680e5fe0c{digit}");
        let object = json!({"key": format!("hls/{}/master.m3u8", uuid(2)), "size": 3, "sha256": "00"});
        let stored = json!({
            "source": "old-id",
            "ids": {"original": uuid(1), "hls": uuid(2), "progressive": uuid(3), "image": uuid(4)},
            "began_at": "2026-11-22T12:00:00Z",
            "finished": {"at": "2026-11-22T12:01:00Z", "objects": [object]},
        });
        let read: Record = serde_json::from_value(stored.clone()).expect("a record");
        assert_eq!(serde_json::to_value(read).expect("JSON"), stored);
    }
}
