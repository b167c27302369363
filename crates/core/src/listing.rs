//! The listing: shards of entries, newest first, derived from the videos' documents.
//!
//! A shard holds the entries whose [`order_key`] is not before its own name and before the next
//! shard's name. A full shard is split: its older half is written as a new shard, then taken out
//! of the old one. Between the two an entry stands twice, so readers pass over entries that belong
//! to a later shard, and every write merges by revision, so that doing it twice does no harm.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    account::{Role, Viewer},
    id::{JobId, ShortId, Username},
    text::{fold, read_lines, read_one_line},
    video::{Phase, Video, Visibility},
};

/// A shard with more entries is split.
pub const SHARD_LIMIT: usize = 256;

/// The name of the first shard, before every key.
pub const FIRST_SHARD: &str = "0";

/// What the listing knows of a video. Progress is not in it: it changes too often.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The video.
    pub short_id: ShortId,
    /// As in the document.
    #[serde(deserialize_with = "read_one_line")]
    pub title: String,
    /// As in the document.
    #[serde(default, skip_serializing_if = "String::is_empty", deserialize_with = "read_lines")]
    pub description: String,
    /// Who uploaded it.
    pub owner: Username,
    /// Who sees it.
    pub visibility: Visibility,
    /// When the upload began.
    pub created_at: Timestamp,
    /// Where it is on its way.
    pub phase: Phase,
    /// The newest job, where progress is to be asked for.
    pub job: Option<JobId>,
    /// Bytes of the original.
    pub size_bytes: Option<u64>,
    /// What is published.
    pub published: Option<Published>,
    /// Of the document that this was made from.
    pub revision: u64,
    /// The document cannot be read any more: this entry is all that is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub damaged: bool,
}

/// What the listing knows of a publication.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// Seconds.
    pub duration_seconds: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// As HLS, else progressive.
    pub hls: bool,
    /// A poster is there.
    pub poster: bool,
}

impl From<&Video> for Entry {
    fn from(video: &Video) -> Self {
        Self {
            short_id: video.short_id.clone(),
            title: video.title.clone(),
            description: video.description.clone(),
            owner: video.owner.clone(),
            visibility: video.visibility,
            created_at: video.created_at,
            phase: video.phase.clone(),
            job: video.job.clone(),
            size_bytes: video.size_bytes,
            published: video.publication.as_ref().map(|publication| Published {
                duration_seconds: publication.duration_seconds,
                width: publication.width,
                height: publication.height,
                hls: publication.hls.is_some(),
                poster: publication.poster.is_some(),
            }),
            revision: video.revision,
            damaged: false,
        }
    }
}

/// Sorts newest first, and by id where the time is equal.
pub fn order_key(created_at: Timestamp, short_id: &ShortId) -> String {
    let microseconds = created_at.as_microsecond().max(0) as u64;
    format!("{:020}-{short_id}", 99_999_999_999_999_999 - microseconds)
}

impl Entry {
    /// See [`order_key`].
    pub fn key(&self) -> String {
        order_key(self.created_at, &self.short_id)
    }

    /// Whether it is finished and not HLS, as clips of older versions are.
    pub fn is_to_move(&self) -> bool {
        self.phase == Phase::Completed
            && !self.damaged
            && self.published.as_ref().is_some_and(|published| !published.hls)
    }

    fn is_deleted(&self) -> bool {
        matches!(self.phase, Phase::Deleted { .. })
    }
}

/// Whether `viewer` may know of a video: completed ones of the circle, their own, and all of them
/// as an administrator.
pub fn may_know(viewer: &Viewer, owner: &Username, visibility: Visibility, phase: &Phase) -> bool {
    match phase {
        Phase::Deleted { .. } => false,
        _ if viewer.role == Role::Admin || viewer.username == *owner => true,
        Phase::Completed => visibility == Visibility::Circle,
        _ => false,
    }
}

/// One shard: entries in the order of their keys.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Shard {
    /// In the order of [`order_key`].
    pub entries: Vec<Entry>,
}

impl Shard {
    /// Puts `entry` in its place unless a newer copy is there; says whether anything changed.
    /// Deleted videos stay as an entry until [`Shard::remove`], so that a late writer with an
    /// older copy cannot bring them back.
    pub fn upsert(&mut self, entry: Entry) -> bool {
        let key = entry.key();
        match self.entries.binary_search_by(|held| held.key().cmp(&key)) {
            // One that is marked as damaged gives way to any copy: its document was read again.
            Ok(at) if self.entries[at].revision >= entry.revision && !self.entries[at].damaged => false,
            Ok(at) => {
                self.entries[at] = entry;
                true
            }
            Err(at) => {
                self.entries.insert(at, entry);
                true
            }
        }
    }

    /// Puts every entry in its place, as [`Shard::upsert`] does.
    pub fn merge(&mut self, entries: &[Entry]) {
        for entry in entries {
            self.upsert(entry.clone());
        }
    }

    /// Takes a video out, if it is there.
    pub fn remove(&mut self, short_id: &ShortId) {
        self.entries.retain(|entry| entry.short_id != *short_id);
    }

    /// The older half, to be written as a new shard of the returned name, if the shard is too full.
    pub fn older_half(&self) -> Option<(String, Shard)> {
        if self.entries.len() <= SHARD_LIMIT {
            return None;
        }
        let half = self.entries[self.entries.len() / 2..].to_vec();
        Some((half[0].key(), Shard { entries: half }))
    }

    /// Takes out the entries that belong to the shard `next`; gives them back.
    pub fn cut(&mut self, next: &str) -> Vec<Entry> {
        let at = self.entries.partition_point(|entry| entry.key().as_str() < next);
        self.entries.split_off(at)
    }
}

/// The shard that `key` belongs to, of `names` in order.
pub fn shard_for<'a>(names: &'a [String], key: &str) -> &'a str {
    let after = names.partition_point(|name| name.as_str() <= key);
    after.checked_sub(1).map_or(FIRST_SHARD, |at| names[at].as_str())
}

/// What one member keeps here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Videos that are not deleted.
    pub videos: u64,
    /// Of their uploads.
    pub bytes: u64,
}

/// What the members keep.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally(pub BTreeMap<Username, Kept>);

impl Tally {
    /// Counts these, but for those that are deleted.
    pub fn count<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries.into_iter().filter(|entry| !entry.is_deleted()) {
            let kept = self.0.entry(entry.owner.clone()).or_default();
            kept.videos += 1;
            kept.bytes += entry.size_bytes.unwrap_or_default();
        }
    }
}

/// What a page of the listing is asked for.
#[derive(Debug, Clone)]
pub struct Query {
    /// Who asks.
    pub viewer: Viewer,
    /// Words that the title must hold, folded as [`fold`] does.
    pub words: Vec<String>,
    /// Only this owner's.
    pub owner: Option<Username>,
}

impl Query {
    /// A query for `viewer`, its search text cut into words.
    pub fn new(viewer: Viewer, text: &str, owner: Option<Username>) -> Self {
        Self { viewer, words: fold(text).split_whitespace().map(str::to_owned).collect(), owner }
    }

    /// Whether the entry belongs on the page.
    pub fn matches(&self, entry: &Entry) -> bool {
        !entry.is_deleted()
            && self.owner.as_ref().is_none_or(|owner| *owner == entry.owner)
            && may_know(&self.viewer, &entry.owner, entry.visibility, &entry.phase)
            && (self.words.is_empty() || {
                let title = fold(&entry.title);
                self.words.iter().all(|word| title.contains(word))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64, revision: u64) -> Entry {
        Entry {
            short_id: format!("{second:010}").parse().expect("an id"),
            title: format!("Clip {second} of the Lake"),
            description: String::new(),
            owner: "ada".parse().expect("a name"),
            visibility: Visibility::Circle,
            created_at: Timestamp::from_second(1_800_000_000 + second).expect("a time"),
            phase: Phase::Completed,
            job: None,
            size_bytes: None,
            published: None,
            revision,
            damaged: false,
        }
    }

    fn viewer(name: &str, role: Role) -> Viewer {
        Viewer { username: name.parse().expect("a name"), role }
    }

    #[test]
    fn newest_come_first_whatever_the_order_of_writing() {
        let mut shard = Shard::default();
        for second in [5, 1, 9, 3] {
            shard.upsert(entry(second, 1));
        }
        let ids: Vec<_> = shard.entries.iter().map(|e| e.short_id.to_string()).collect();
        assert_eq!(ids, ["0000000009", "0000000005", "0000000003", "0000000001"]);
    }

    #[test]
    fn an_older_copy_never_replaces_a_newer_one_not_even_a_deleted_one() {
        let mut shard = Shard::default();
        let mut deleted = entry(1, 7);
        deleted.phase = Phase::Deleted { at: deleted.created_at };
        assert!(shard.upsert(deleted));
        assert!(!shard.upsert(entry(1, 6)));
        let query = Query::new(viewer("root", Role::Admin), "", None);
        assert!(!shard.entries.iter().any(|e| query.matches(e)));
    }

    #[test]
    fn a_damaged_entry_gives_way_once_its_document_was_read_again() {
        let mut shard = Shard::default();
        shard.upsert(Entry { damaged: true, ..entry(1, 7) });
        assert!(shard.upsert(entry(1, 7)));
        assert!(!shard.entries[0].damaged);
    }

    #[test]
    fn a_split_shares_the_entries_between_two_shards() {
        let mut shard = Shard::default();
        assert_eq!(shard.older_half(), None);
        for second in 0..=SHARD_LIMIT as i64 {
            shard.upsert(entry(second, 1));
        }
        let (name, older) = shard.older_half().expect("too full");
        let cut = shard.cut(&name);
        assert_eq!(cut, older.entries);
        assert_eq!(shard.entries.len() + older.entries.len(), SHARD_LIMIT + 1);
        let names = [FIRST_SHARD.to_owned(), name.clone()];
        assert!(shard.entries.iter().all(|e| shard_for(&names, &e.key()) == FIRST_SHARD));
        assert!(older.entries.iter().all(|e| shard_for(&names, &e.key()) == name));
    }

    #[test]
    fn search_wants_all_words_in_any_case_with_accents_or_without() {
        let ada = viewer("bob", Role::User);
        assert!(Query::new(ada.clone(), "LAKE clip", None).matches(&entry(1, 1)));
        assert!(Query::new(ada.clone(), "läké", None).matches(&entry(1, 1)));
        let accented = Entry { title: "Am Läke".into(), ..entry(1, 1) };
        assert!(Query::new(ada.clone(), "lake", None).matches(&accented));
        assert!(!Query::new(ada.clone(), "lake sea", None).matches(&entry(1, 1)));
        assert!(!Query::new(ada, "", Some("carol".parse().expect("a name"))).matches(&entry(1, 1)));
    }

    #[test]
    fn unfinished_and_private_clips_are_their_owners_and_administrators() {
        let mut processing = entry(1, 1);
        processing.phase = Phase::Processing;
        let mut private = entry(2, 1);
        private.visibility = Visibility::Private;
        for hidden in [processing, private] {
            assert!(!Query::new(viewer("bob", Role::User), "", None).matches(&hidden));
            assert!(Query::new(viewer("ada", Role::User), "", None).matches(&hidden));
            assert!(Query::new(viewer("bob", Role::Admin), "", None).matches(&hidden));
        }
    }
}
