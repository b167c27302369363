//! What each shard holds, in few objects: by these a search passes over the shards that cannot hold what it asks for.
//!
//! A summary names the version of its shard, and every listing of shards tells which versions there are. So nothing has to
//! be written when a shard changes: it is read like one without a summary, until a scheduled run makes its summary anew.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, MutexGuard, PoisonError},
};

use clipset_core::{
    key::DocumentKey,
    listing::{FIRST_SHARD, Shard},
    summary::{GROUP, Summaries, Summarised, Summary, Wanted},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{
    Listing, READ_AHEAD,
    names::{Named, Stretch},
};
use crate::{BucketError, Etag, Stored};

/// Documents that are remembered: 16 MB, of 1,300,000 clips.
const MOST_REMEMBERED: usize = 32;

/// Documents as they were last read, by name.
pub(super) type Remembered = BTreeMap<String, (Etag, Arc<Summaries>)>;

impl Listing {
    /// The shards of `stretch` that may hold what is wanted, each with where it ends.
    pub(super) async fn that_may_hold(
        &self,
        wanted: &Wanted,
        stretch: &Stretch,
    ) -> Result<Vec<(String, Option<String>)>, BucketError> {
        let owned = |(named, end): (&Named, Option<&str>)| (named.name.clone(), end.map(str::to_owned));
        let shards = stretch.with_ends().into_iter();
        let (Some(first), Some(last), false) = (stretch.shards.first(), stretch.shards.last(), wanted.is_anything())
        else {
            return Ok(shards.map(owned).collect());
        };
        let groups = self.groups().await?;
        let from = groups.partition_point(|group| *group <= first.name).saturating_sub(1);
        let to = groups.partition_point(|group| *group <= last.name);
        let reads = groups[from..to].iter().map(|group| self.summaries(group));
        // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
        let reads: Vec<_> = reads.collect();
        let read: Vec<_> = stream::iter(reads).buffered(READ_AHEAD).try_collect().await?;
        let summaries: HashMap<(&str, &str), &Summary> = read
            .iter()
            .flat_map(|summaries| summaries.shards())
            .map(|it| ((it.name.as_str(), it.etag.as_str()), &it.summary))
            .collect();
        let may = |(named, _): &(&Named, Option<&str>)| {
            let summary = summaries.get(&(named.name.as_str(), named.etag.0.as_str()));
            summary.is_none_or(|summary| summary.may_hold(wanted))
        };
        Ok(shards.filter(may).map(owned).collect())
    }

    /// Makes the summaries anew of at most `most` shards that changed; gives their number.
    pub(crate) async fn summarise(&self, most: usize) -> Result<usize, BucketError> {
        let shards = self.all_named().await?;
        let mut groups = self.groups().await?;
        if groups.first().is_none_or(|first| first != FIRST_SHARD) {
            groups.insert(0, FIRST_SHARD.to_owned());
        }
        let mut left = most;
        for (n, group) in groups.iter().enumerate() {
            let from = shards.partition_point(|named| named.name < *group);
            let to = groups.get(n + 1).map_or(shards.len(), |end| shards.partition_point(|named| named.name < *end));
            let known = self.summaries(group).await?;
            // One that has grown too large is cut, with room for more in each part.
            let size = if to - from > GROUP { GROUP / 2 } else { GROUP };
            let parts: Vec<&[Named]> = shards[from..to].chunks(size).collect();
            for (part, shards) in parts.iter().enumerate().rev() {
                let name = if part == 0 { group } else { &shards[0].name };
                let (made, read) = self.summaries_of(shards, known.shards(), left).await?;
                left -= read;
                if made.shards() != known.shards() {
                    self.bucket.put(&DocumentKey::Summaries(name.clone()), &made).await?;
                }
            }
        }
        Ok(most - left)
    }

    /// The summaries of `shards`: those that are known, and at most `most` that are made anew, with their number.
    async fn summaries_of(
        &self,
        shards: &[Named],
        known: &[Summarised],
        most: usize,
    ) -> Result<(Summaries, usize), BucketError> {
        let known: HashMap<&str, &Summarised> = known.iter().map(|it| (it.name.as_str(), it)).collect();
        let is_known = |named: &Named| known.get(named.name.as_str()).is_some_and(|it| it.etag == named.etag.0);
        let changed: Vec<_> = shards.iter().filter(|named| !is_known(named)).take(most).collect();
        let read = changed.len();
        let reads: Vec<_> = changed.into_iter().map(|named| self.summary_of(&named.name)).collect();
        let made: Vec<_> = stream::iter(reads).buffered(READ_AHEAD).try_collect().await?;
        let kept = shards.iter().filter(|named| is_known(named)).map(|named| known[named.name.as_str()].clone());
        let mut all: Vec<Summarised> = kept.chain(made.into_iter().flatten()).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok((Summaries::new(all), read))
    }

    /// `None` for one that cannot be read: searches read what can be of it.
    async fn summary_of(&self, name: &str) -> Result<Option<Summarised>, BucketError> {
        match self.bucket.read::<Shard>(&DocumentKey::Shard(name.to_owned())).await {
            Err(error) if error.is_unreadable() => Ok(None),
            read => Ok(read?.map(|found| Summarised {
                name: name.to_owned(),
                etag: found.etag.0,
                summary: Summary::of(&found.value),
            })),
        }
    }

    /// The names of the documents, in order: each is that of the shard with which it begins.
    async fn groups(&self) -> Result<Vec<String>, BucketError> {
        let names = self.bucket.children(DocumentKey::SUMMARIES).await?.into_iter();
        let mut names: Vec<_> = names.filter_map(|name| name.strip_suffix(".json").map(str::to_owned)).collect();
        names.sort();
        Ok(names)
    }

    /// One document; an empty one if it is not there or cannot be read.
    async fn summaries(&self, group: &str) -> Result<Arc<Summaries>, BucketError> {
        let remembered = self.lock_remembered().get(group).cloned();
        let key = DocumentKey::Summaries(group.to_owned());
        let known = remembered.as_ref().map(|(etag, _)| etag);
        match (self.bucket.read_if_changed::<Summaries>(&key, known).await, &remembered) {
            (Ok(Stored::Unchanged), Some((_, summaries))) => Ok(summaries.clone()),
            (Ok(Stored::Changed(found)), _) => {
                let summaries = Arc::new(found.value);
                let mut remembered = self.lock_remembered();
                if remembered.len() >= MOST_REMEMBERED {
                    remembered.pop_first();
                }
                remembered.insert(group.to_owned(), (found.etag, summaries.clone()));
                Ok(summaries)
            }
            (Err(error), _) if !error.is_unreadable() => Err(error),
            _ => Ok(Arc::default()),
        }
    }

    fn lock_remembered(&self) -> MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
