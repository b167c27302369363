//! The videos and their listing part by part, for a walk that goes on where the last one ended.

use std::collections::BTreeSet;

use clipset_core::{
    id::ShortId,
    key::DocumentKey,
    listing::{Entry, SHARD_LIMIT, Tally},
    video::Video,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{PARALLEL_READS, Videos};
use crate::BucketError;

/// A listing of so many shards, some ten thousand clips, is counted within one request.
const COUNTED_AT_ONCE: usize = 64;

/// A part of the videos.
#[derive(Debug, Clone, Default)]
pub struct SomeVideos {
    /// Those whose documents were read, deleted ones too.
    pub videos: Vec<Video>,
    /// Those whose documents cannot be read.
    pub unreadable: Vec<ShortId>,
    /// Where the next part begins; `None` at the end.
    pub after: Option<String>,
}

impl Videos {
    /// The next videos after the document's key `after`, at most `most`, and a thousand.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn part(&self, after: Option<&str>, most: usize) -> Result<SomeVideos, BucketError> {
        let keys = self.bucket.page(DocumentKey::VIDEOS, false, after, most.min(1000)).await?;
        let ids =
            keys.iter().filter_map(|key| key.strip_prefix(DocumentKey::VIDEOS)?.strip_suffix(".json")?.parse().ok());
        let mut part = self.some(ids.collect()).await?;
        part.after = keys.last().cloned();
        Ok(part)
    }

    /// Those of `ids` that there are.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn some(&self, ids: BTreeSet<ShortId>) -> Result<SomeVideos, BucketError> {
        let reads = ids.into_iter().map(async |id| match self.get(&id).await {
            Ok(found) => Ok((found.map(|found| found.value), None)),
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, "the record of a clip cannot be read; what is its own is kept");
                Ok((None, Some(id)))
            }
            Err(error) => Err(error),
        });
        // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
        let reads: Vec<_> = reads.collect();
        let found: Vec<(Option<Video>, Option<ShortId>)> =
            stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await?;
        let mut some = SomeVideos::default();
        for (video, unreadable) in found {
            some.videos.extend(video);
            some.unreadable.extend(unreadable);
        }
        Ok(some)
    }

    /// At most `most` shards of the listing after the one called `after`, with their entries.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn shards(&self, after: Option<&str>, most: usize) -> Result<Vec<(String, Vec<Entry>)>, BucketError> {
        self.listing.part(after, most).await
    }

    /// What the members keep: counted now in a listing of few shards, else as the walk last counted it.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn tally(&self) -> Result<Tally, BucketError> {
        if self.listing.count(COUNTED_AT_ONCE + 1).await? > COUNTED_AT_ONCE {
            let walked = self.bucket.read::<Tally>(&DocumentKey::Tally).await?;
            return Ok(walked.map(|found| found.value).unwrap_or_default());
        }
        let mut tally = Tally::default();
        tally.count(&self.entries().await?);
        Ok(tally)
    }

    /// How many clips the listing holds, about, and rather too many.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn about_how_many(&self) -> Result<usize, BucketError> {
        Ok(self.listing.count_all().await? * SHARD_LIMIT)
    }

    /// Mends the entries `doubted` of one shard: those without a document go, and those whose document cannot be read
    /// say so. Gives the number of those that went.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn mend_shard(&self, shard: &str, doubted: Vec<ShortId>) -> Result<u64, BucketError> {
        let (mut gone, mut damaged) = (Vec::new(), BTreeSet::new());
        for id in doubted {
            match self.get(&id).await {
                Ok(None) => gone.push(id),
                Ok(Some(_)) => {}
                Err(error) if error.is_unreadable() => _ = damaged.insert(id),
                Err(error) => return Err(error),
            }
        }
        if !gone.is_empty() {
            self.listing.forget(shard, &gone).await?;
        }
        if !damaged.is_empty() {
            self.listing.mark(shard, &damaged).await?;
        }
        Ok(gone.len() as u64)
    }
}
