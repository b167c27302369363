//! The videos' documents, and the listing that follows them.

use std::collections::{BTreeMap, BTreeSet};

use clipset_core::{
    Timestamp,
    id::ShortId,
    key::DocumentKey,
    listing::{Entry, Query},
    video::{Video, VideoError},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, BucketError, Page, UpdateError, Versioned, listing::Listing};

const VIDEOS: &str = "catalog/videos/";

/// Documents read at once where all are read.
const PARALLEL_READS: usize = 16;

/// The videos of a bucket.
#[derive(Debug, Clone)]
pub struct Videos {
    bucket: Bucket,
    listing: Listing,
}

/// What [`Videos::reindex`] mended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Videos there are.
    pub videos: u64,
    /// Entries that were missing or old.
    pub updated: u64,
    /// Entries without a document, and shards that could not be read.
    pub removed: u64,
}

impl Videos {
    /// Of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { listing: Listing::new(bucket.clone()), bucket }
    }

    /// One video, deleted ones too until they are swept; `None` if there is none.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn get(&self, id: &ShortId) -> Result<Option<Versioned<Video>>, BucketError> {
        self.bucket.read(&DocumentKey::Video(id.clone())).await
    }

    /// Stores a new video.
    ///
    /// # Errors
    /// [`BucketError::Conflict`] if the short id is taken.
    pub async fn create(&self, video: &Video) -> Result<(), BucketError> {
        self.bucket.create(&DocumentKey::Video(video.short_id.clone()), video).await?;
        self.listing.upsert(vec![Entry::from(video)]).await
    }

    /// Changes a video's document, then its entry in the listing. The document is the truth: if
    /// the listing fails after it, [`Videos::reindex`], which every sweep does, mends it.
    ///
    /// # Errors
    /// [`UpdateError`], with what `change` refused.
    pub async fn update<E>(
        &self,
        id: &ShortId,
        mut change: impl FnMut(&mut Video) -> Result<(), E>,
    ) -> Result<Video, UpdateError<E>> {
        let key = DocumentKey::Video(id.clone());
        let changed = self.bucket.update(&key, |video: &mut Video| {
            let before = video.clone();
            change(video)?;
            if *video != before {
                video.revision += 1;
            }
            Ok(())
        });
        let video = changed.await?.value;
        self.listing.upsert(vec![Entry::from(&video)]).await?;
        Ok(video)
    }

    /// Notes in the document that a part of an upload is signed at `now`; the listing knows nothing of that.
    ///
    /// # Errors
    /// [`UpdateError`], refused unless it is uploading.
    pub async fn note_part(&self, id: &ShortId, now: Timestamp) -> Result<(), UpdateError<VideoError>> {
        let key = DocumentKey::Video(id.clone());
        self.bucket.update(&key, |video: &mut Video| video.note_part(now)).await.map(drop)
    }

    /// At most `limit` entries of the listing after `cursor`.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn page(&self, query: &Query, cursor: Option<&str>, limit: usize) -> Result<Page, BucketError> {
        self.listing.page(query, cursor, limit).await
    }

    /// Removes the document and the entry of a video whose objects are gone.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn remove(&self, video: &Video) -> Result<(), BucketError> {
        self.listing.remove(video).await?;
        self.bucket.remove(&DocumentKey::Video(video.short_id.clone())).await
    }

    /// Every entry of the listing, the newest first.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn entries(&self) -> Result<Vec<Entry>, BucketError> {
        Ok(self.listing.all().await?.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Every video. For sweeps: it reads all documents.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn all(&self) -> Result<Vec<Video>, BucketError> {
        let names = self.bucket.children(VIDEOS).await?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<ShortId>().ok());
        let reads = ids.map(|id| async move { self.get(&id).await });
        let found: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await?;
        Ok(found.into_iter().flatten().map(|found| found.value).collect())
    }

    /// Brings the listing in line with `videos`, as [`Videos::all`] read them just now.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn reindex(&self, videos: &[Video]) -> Result<Reindexed, BucketError> {
        let mut done = Reindexed { removed: self.listing.remove_malformed().await?, ..Reindexed::default() };
        let listed = self.listing.all().await?;
        done.videos = videos.len() as u64;
        let revisions: BTreeMap<_, _> = listed.iter().map(|(_, entry)| (&entry.short_id, entry.revision)).collect();
        let stale: Vec<_> = videos
            .iter()
            .filter(|video| revisions.get(&video.short_id).is_none_or(|revision| *revision < video.revision))
            .map(Entry::from)
            .collect();
        done.updated = stale.len() as u64;
        self.listing.upsert(stale).await?;
        let known: BTreeSet<_> = videos.iter().map(|video| &video.short_id).collect();
        let mut ghosts: BTreeMap<&str, Vec<ShortId>> = BTreeMap::new();
        for (shard, entry) in &listed {
            // A video made since the documents were read is no ghost: ask again.
            if !known.contains(&entry.short_id) && self.get(&entry.short_id).await?.is_none() {
                ghosts.entry(shard).or_default().push(entry.short_id.clone());
            }
        }
        for (shard, ids) in ghosts {
            self.listing.forget(shard, &ids).await?;
            done.removed += ids.len() as u64;
        }
        Ok(done)
    }
}
