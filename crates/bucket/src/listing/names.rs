//! Which shards there are. Among very many, only those near a key are asked for.

use clipset_core::{
    key::DocumentKey,
    listing::{Entry, FIRST_SHARD, shard_for},
};

use super::Listing;
use crate::{BucketError, Etag};

/// The newest shards, some ten thousand clips: most of what is asked for stands there.
const NEWEST: usize = 64;

/// Keys of one listing, the most that there are on a page.
pub(super) const PAGE: usize = 1000;

/// So many keys are looked for one by one; for more, all names are read.
const FEW: usize = 8;

const DAY: u64 = 24 * 3600 * 1_000_000;

/// A store lists forwards alone. To find the last name before a key, it is asked from so many microseconds before on, which
/// is some names where clips are many, and everything where they are few.
const BACK: [u64; 4] = [DAY, 30 * DAY, 365 * DAY, u64::MAX];

/// A shard that there is.
#[derive(Debug, Clone)]
pub(super) struct Named {
    pub(super) name: String,
    pub(super) etag: Etag,
}

/// Shards that follow each other without a gap.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) shards: Vec<Named>,
    /// The one that comes next; `None` at the end of the listing.
    pub(super) next: Option<Named>,
}

impl Stretch {
    /// A page of which `most` were asked for.
    fn of(mut shards: Vec<Named>, most: usize) -> Self {
        let next = if shards.len() < most { None } else { shards.pop() };
        Self { shards, next }
    }

    fn reaches(&self, key: &str) -> bool {
        self.next.as_ref().is_none_or(|next| next.name.as_str() > key)
    }

    /// Each shard with the name of the one behind it, where it ends.
    pub(super) fn with_ends(&self) -> Vec<(&Named, Option<&str>)> {
        let behind = self.shards.iter().skip(1).chain(&self.next).map(|named| Some(named.name.as_str()));
        self.shards.iter().zip(behind.chain([None])).collect()
    }
}

impl Listing {
    /// At most `most` shards, and a page, that come after the name or key `after`.
    pub(super) async fn after(&self, after: Option<&str>, most: usize) -> Result<Vec<Named>, BucketError> {
        let after = after.map(|after| format!("{}{after}.json", DocumentKey::SHARDS));
        let objects = self.bucket.versions(DocumentKey::SHARDS, after.as_deref(), most.min(PAGE)).await?;
        // Also what is no shard: a page with fewer than were asked for is the end.
        let named = objects.into_iter().filter_map(|(key, etag)| {
            let name = key.strip_prefix(DocumentKey::SHARDS)?;
            Some(Named { name: name.strip_suffix(".json").unwrap_or(name).to_owned(), etag })
        });
        Ok(named.collect())
    }

    /// The shards from the one on in which `key` stands.
    pub(super) async fn stretch_at(&self, key: &str) -> Result<Stretch, BucketError> {
        let mut stretch = self.stretch_around(key).await?;
        let before = stretch.shards.partition_point(|named| named.name.as_str() <= key).saturating_sub(1);
        stretch.shards.drain(..before);
        Ok(stretch)
    }

    /// The shards that come next.
    pub(super) async fn stretch_from(&self, first: Named) -> Result<Stretch, BucketError> {
        let behind = self.after(Some(&first.name), PAGE).await?;
        let mut stretch = Stretch::of(behind, PAGE);
        stretch.shards.insert(0, first);
        Ok(stretch)
    }

    async fn stretch_around(&self, key: &str) -> Result<Stretch, BucketError> {
        let mut stretch = Stretch::of(self.after(None, NEWEST).await?, NEWEST);
        let order = key.get(..20).and_then(|order| order.parse::<u64>().ok());
        let (Some(order), false) = (order, stretch.reaches(key)) else { return Ok(stretch) };
        for back in BACK {
            stretch = Stretch { shards: Vec::new(), next: None };
            let mut from = format!("{:020}", order.saturating_sub(back));
            loop {
                let page = Stretch::of(self.after(Some(&from), PAGE).await?, PAGE);
                stretch.shards.extend(page.shards);
                stretch.next = page.next;
                match (&stretch.next, stretch.reaches(key)) {
                    (Some(next), false) => {
                        from.clone_from(&next.name);
                        stretch.shards.extend(stretch.next.take());
                    }
                    _ => break,
                }
            }
            if stretch.shards.first().is_some_and(|first| first.name.as_str() <= key) {
                break;
            }
        }
        Ok(stretch)
    }

    /// All names there are, in order.
    pub(super) async fn all_named(&self) -> Result<Vec<Named>, BucketError> {
        let mut all: Vec<Named> = Vec::new();
        loop {
            let page = self.after(all.last().map(|named| named.name.as_str()), PAGE).await?;
            let ended = page.len() < PAGE;
            all.extend(page);
            if ended {
                return Ok(all);
            }
        }
    }

    /// Names in order, among which [`shard_for`] finds the right one for each of `entries`, and the one behind it.
    pub(super) async fn names_for(&self, entries: &[Entry]) -> Result<Vec<String>, BucketError> {
        let mut named: Vec<Named> = Vec::new();
        if entries.len() > FEW {
            named = self.all_named().await?;
        } else {
            for entry in entries {
                let key = entry.key();
                let stretch = self.stretch_around(&key).await?;
                named.extend(stretch.shards.into_iter().chain(stretch.next));
            }
        }
        let mut names: Vec<String> = named.into_iter().map(|named| named.name).collect();
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The name of the shard in which `key` stands.
    pub(super) async fn name_at(&self, key: &str) -> Result<String, BucketError> {
        let stretch = self.stretch_at(key).await?;
        let names: Vec<String> = stretch.shards.into_iter().map(|named| named.name).collect();
        Ok(shard_for(&names, key).to_owned())
    }
}

/// A cursor just before everything in the shard `name`. It has the form of an entry's key, and the id of no clip: that one
/// may be private.
pub(super) fn before(name: &str) -> Option<String> {
    debug_assert_ne!(name, FIRST_SHARD, "there is nothing before it");
    name.split_once('-').map(|(order, id)| format!("{order}-{}", "0".repeat(id.len())))
}
