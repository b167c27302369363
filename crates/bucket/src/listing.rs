//! The listing's shards in the bucket. See [`clipset_core::listing`] for how they stay whole.

use std::{
    collections::{BTreeMap, BTreeSet},
    pin::pin,
    sync::{Arc, Mutex},
};

use clipset_core::{
    id::ShortId,
    key::DocumentKey,
    listing::{Entry, FIRST_SHARD, Query, SHARD_LIMIT, Shard, order_key, shard_for},
    summary::Wanted,
    video::Video,
};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use serde::Deserialize as _;

use crate::{Bucket, BucketError, UpdateError, documents::ATTEMPTS};

mod names;
mod summaries;
mod together;

use names::{Named, before};
use summaries::Remembered;

/// Shards read ahead where all are read, as in a search, whose hits may stand anywhere.
const READ_AHEAD: usize = 8;

/// The most shards that one page reads, some ten thousand clips: hits may be few, and a request has an end.
const SHARDS_OF_A_PAGE: usize = 64;

/// The most pages of names for one page of the listing, some two million clips: a search may pass over all of them.
const STRETCHES_OF_A_PAGE: usize = 12;

/// How often a shard is written against other writers before they write together.
const ALONE: u32 = 4;

/// A page of the listing.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None` at the end.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Listing {
    bucket: Bucket,
    /// Summaries that were read.
    remembered: Arc<Mutex<Remembered>>,
}

impl Listing {
    pub(crate) fn new(bucket: Bucket) -> Self {
        Self { bucket, remembered: Arc::default() }
    }

    /// At most `limit` entries after `cursor` that match; fewer, and a cursor, where [`SHARDS_OF_A_PAGE`] held no more.
    pub(crate) async fn page(&self, query: &Query, cursor: Option<&str>, limit: usize) -> Result<Page, BucketError> {
        let after = cursor.unwrap_or(FIRST_SHARD);
        let wanted = Wanted::by(query);
        let ahead = if wanted.is_anything() { 1 } else { READ_AHEAD };
        let (mut entries, mut left) = (Vec::new(), SHARDS_OF_A_PAGE);
        let mut stretch = self.stretch_at(after).await?;
        for _ in 0..STRETCHES_OF_A_PAGE {
            let mut names = self.that_may_hold(&wanted, &stretch).await?;
            let unread = names.drain(left.min(names.len())..).next();
            left -= names.len();
            let mut shards = pin!(self.shards(names, ahead));
            while let Some((_, shard)) = shards.try_next().await? {
                let found =
                    shard.entries.into_iter().filter(|entry| query.matches(entry) && entry.key().as_str() > after);
                for entry in found {
                    if entries.len() == limit {
                        let next_cursor = entries.last().map(Entry::key);
                        return Ok(Page { entries, next_cursor });
                    }
                    entries.push(entry);
                }
            }
            if let Some((name, _)) = unread {
                return Ok(Page { entries, next_cursor: before(&name) });
            }
            match stretch.next {
                None => return Ok(Page { entries, next_cursor: None }),
                Some(next) => stretch = self.stretch_from(next).await?,
            }
        }
        let next_cursor = stretch.shards.first().and_then(|unread| before(&unread.name));
        Ok(Page { entries, next_cursor })
    }

    /// Merges entries into their shards.
    pub(crate) async fn upsert(&self, mut entries: Vec<Entry>) -> Result<(), BucketError> {
        let _turn = self.bucket.listing_turn().await;
        // Neighbours in one write, whatever the order that they come in.
        entries.sort_by_cached_key(Entry::key);
        // An entry is written where it belongs by a listing made before; one made after the write
        // tells whether a split moved that place meanwhile.
        while !entries.is_empty() {
            // At most twice the limit stands in a shard then, so that one split is enough.
            let some = entries.split_off(entries.len().saturating_sub(SHARD_LIMIT));
            let names = self.names_for(&some).await?;
            let mut by_shard: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
            for entry in &some {
                by_shard.entry(shard_for(&names, &entry.key()).to_owned()).or_default().push(entry.clone());
            }
            for (name, entries) in &by_shard {
                match self.merge(name, entries, &names, ALONE).await {
                    Err(BucketError::Conflict { .. }) => self.write_together(name, entries, &names).await?,
                    merged => merged?,
                }
            }
            let names = self.names_for(&some).await?;
            let written = by_shard
                .into_iter()
                .flat_map(|(name, entries)| entries.into_iter().map(move |entry| (name.clone(), entry)));
            let moved = written.filter(|(name, entry)| shard_for(&names, &entry.key()) != name);
            entries.extend(moved.map(|(_, entry)| entry));
        }
        Ok(())
    }

    async fn merge(&self, name: &str, entries: &[Entry], names: &[String], attempts: u32) -> Result<(), BucketError> {
        let shard = self.change_within(attempts, name, |shard| shard.merge(entries)).await?;
        self.split_if_full(name, names, shard).await
    }

    /// Takes a video out of every shard in which it may stand.
    pub(crate) async fn remove(&self, video: &Video) -> Result<(), BucketError> {
        let name = self.name_at(&order_key(video.created_at, &video.short_id)).await?;
        self.change(&name, |shard| shard.remove(&video.short_id)).await.map(drop)
    }

    /// These shards, each without what belongs to the next one.
    fn shards(
        &self,
        names: Vec<(String, Option<String>)>,
        ahead: usize,
    ) -> impl futures_util::Stream<Item = Result<(String, Shard), BucketError>> {
        let shards = names.into_iter().map(|(name, end)| {
            let listing = self.clone();
            // Tasks of their own: parsing takes longer than reading, and has other cores.
            let read = tokio::spawn(async move {
                let mut shard = listing.legible(&name).await?;
                if let Some(end) = end {
                    shard.cut(&end);
                }
                Ok((name, shard))
            });
            read.map(|ended| ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())))
        });
        stream::iter(shards).buffered(ahead)
    }

    /// The entries that readers see and that `pick` takes, each with the name of its shard; all of them are such as is
    /// `wanted`, so that the shards that hold none of these are passed over.
    pub(crate) async fn entries(
        &self,
        wanted: &Wanted,
        pick: impl Fn(&Entry) -> bool,
    ) -> Result<Vec<(String, Entry)>, BucketError> {
        let mut picked = Vec::new();
        let mut stretch = self.stretch_at(FIRST_SHARD).await?;
        loop {
            let names = self.that_may_hold(wanted, &stretch).await?;
            let mut shards = pin!(self.shards(names, READ_AHEAD));
            while let Some((name, shard)) = shards.try_next().await? {
                picked.extend(shard.entries.into_iter().filter(&pick).map(|entry| (name.clone(), entry)));
            }
            match stretch.next {
                None => return Ok(picked),
                Some(next) => stretch = self.stretch_from(next).await?,
            }
        }
    }

    /// At most `most` shards after the one that is called `after`, with the entries that readers see. One that cannot be
    /// read is written anew with those of its entries that can.
    pub(crate) async fn part(
        &self,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, Vec<Entry>)>, BucketError> {
        let named = self.after(after, most + 1).await?;
        let ends = named.iter().skip(1).map(|named| Some(&named.name)).chain([None]);
        let reads = named.iter().zip(ends).take(most).map(async |(Named { name, .. }, end)| {
            let mut shard = match self.read(name).await {
                Err(error) if error.is_unreadable() => self.change(name, |_| ()).await?,
                read => read?,
            };
            if let Some(end) = end {
                shard.cut(end);
            }
            Ok::<_, BucketError>((name.clone(), shard.entries))
        });
        // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
        let reads: Vec<_> = reads.collect();
        stream::iter(reads).buffered(READ_AHEAD).try_collect().await
    }

    /// How many shards there are, counted to `most` at the most, and a page.
    pub(crate) async fn count(&self, most: usize) -> Result<usize, BucketError> {
        Ok(self.after(None, most).await?.len())
    }

    /// How many shards there are.
    pub(crate) async fn count_all(&self) -> Result<usize, BucketError> {
        Ok(self.all_named().await?.len())
    }

    /// Marks in shard `name` the videos whose documents cannot be read.
    pub(crate) async fn mark(&self, name: &str, ids: &BTreeSet<ShortId>) -> Result<(), BucketError> {
        let mark = |shard: &mut Shard| {
            let found = shard.entries.iter_mut().filter(|entry| ids.contains(&entry.short_id));
            found.for_each(|entry| entry.damaged = true);
        };
        self.change(name, mark).await.map(drop)
    }

    /// Takes out of shard `name` what has no document any more.
    pub(crate) async fn forget(&self, name: &str, ids: &[ShortId]) -> Result<(), BucketError> {
        self.change(name, |shard| ids.iter().for_each(|id| shard.remove(id))).await.map(drop)
    }

    /// Writes anew, with the entries that can be read, the shards that cannot; gives their number.
    pub(crate) async fn renew_unreadable(&self) -> Result<u64, BucketError> {
        let mut renewed = 0;
        for Named { name, .. } in self.all_named().await? {
            match self.read(&name).await {
                Err(error) if error.is_unreadable() => {
                    self.change(&name, |_| ()).await?;
                    renewed += 1;
                }
                read => drop(read?),
            }
        }
        Ok(renewed)
    }

    async fn split_if_full(&self, name: &str, names: &[String], shard: Shard) -> Result<(), BucketError> {
        let Some((older_name, older)) = shard.older_half() else { return Ok(()) };
        // Another writer's unfinished split is finished before a new one is begun.
        let next = names.iter().find(|other| other.as_str() > name && **other <= older_name);
        let target = match next {
            Some(next) => next.clone(),
            None => match self.bucket.create(&DocumentKey::Shard(older_name.clone()), &older).await {
                Ok(_) | Err(BucketError::Conflict { .. }) => older_name,
                Err(error) => return Err(error),
            },
        };
        loop {
            let key = DocumentKey::Shard(name.to_owned());
            let Some(found) = self.bucket.read::<Shard>(&key).await? else { return Ok(()) };
            let mut kept = found.value;
            let moved = kept.cut(&target);
            // First into the new shard, then out of the old one: a kill in between loses nothing.
            self.change(&target, |shard| shard.merge(&moved)).await?;
            match self.bucket.replace(&key, &kept, &found.etag).await {
                Ok(_) => return Ok(()),
                Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    async fn read(&self, name: &str) -> Result<Shard, BucketError> {
        let found = self.bucket.read(&DocumentKey::Shard(name.to_owned())).await?;
        Ok(found.map(|found| found.value).unwrap_or_default())
    }

    /// Shard `name`, or what can be read of it. The rest is missing in lists until a sweep has written it anew.
    async fn legible(&self, name: &str) -> Result<Shard, BucketError> {
        match self.read(name).await {
            Err(error) if error.is_unreadable() => {
                tracing::warn!(%error, "a part of the listing is damaged");
                let body = self.bucket.read_raw(&DocumentKey::Shard(name.to_owned()).to_string()).await;
                Ok(body.ok().flatten().and_then(|body| legible_entries(&body)).unwrap_or_default())
            }
            read => read,
        }
    }

    async fn change(&self, name: &str, change: impl FnMut(&mut Shard)) -> Result<Shard, BucketError> {
        self.change_within(ATTEMPTS, name, change).await
    }

    async fn change_within(
        &self,
        attempts: u32,
        name: &str,
        mut change: impl FnMut(&mut Shard),
    ) -> Result<Shard, BucketError> {
        let key = DocumentKey::Shard(name.to_owned());
        let changed = self.bucket.upsert_salvaged(&key, legible_entries, attempts, |found: Option<Shard>| {
            let mut shard = found.unwrap_or_default();
            change(&mut shard);
            Ok::<_, UpdateError<std::convert::Infallible>>(shard)
        });
        match changed.await {
            Ok(changed) => Ok(changed.value),
            Err(UpdateError::Bucket(error)) => Err(error),
            Err(UpdateError::Refused(never)) => match never {},
            Err(UpdateError::Missing) => unreachable!("a missing shard is made"),
        }
    }
}

/// Of a shard that cannot be read, the entries that can: a newer version may have written one that this one does not know.
fn legible_entries(body: &[u8]) -> Option<Shard> {
    let shard: serde_json::Value = serde_json::from_slice(body).ok()?;
    let entries = shard.get("entries")?.as_array()?.iter();
    let mut entries: Vec<Entry> = entries.filter_map(|entry| Entry::deserialize(entry).ok()).collect();
    entries.sort_by_cached_key(Entry::key);
    Some(Shard { entries })
}
