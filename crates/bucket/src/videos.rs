//! The videos' documents, and the listing that follows them.

use std::collections::{BTreeMap, BTreeSet};

use clipset_core::{
    id::{EncodeId, ShortId},
    key::DocumentKey,
    listing::{Entry, Query},
    video::Video,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, BucketError, DAMAGED_FOLDER, Page, UpdateError, Versioned, listing::Listing};

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
    /// [`BucketError`]; [`BucketError::Damaged`] also for one whose document was set aside.
    pub async fn get(&self, id: &ShortId) -> Result<Option<Versioned<Video>>, BucketError> {
        let key = DocumentKey::Video(id.clone());
        let found = self.bucket.read(&key).await?;
        // Boxed, for it is seldom: the future that holds it is moved at each request.
        if found.is_none() && Box::pin(self.bucket.is_set_aside(&key.to_string())).await? {
            return Err(BucketError::Damaged { key: key.to_string() });
        }
        Ok(found)
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

    /// Removes all records of a video whose document cannot be read, set aside or not; gives the uuids that still stood
    /// in them. Its media are nobody's from now on: a sweep removes them as it does orphans.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn remove_damaged(&self, id: &ShortId) -> Result<Vec<EncodeId>, BucketError> {
        for (shard, _) in self.listing.all().await?.iter().filter(|(_, entry)| entry.short_id == *id) {
            self.listing.forget(shard, std::slice::from_ref(id)).await?;
        }
        let key = DocumentKey::Video(id.clone());
        let mut ids = Vec::new();
        for record in self.bucket.keys(&format!("{DAMAGED_FOLDER}{key}")).await?.into_iter().chain([key.to_string()]) {
            match self.bucket.read_raw(&record).await {
                Ok(body) => ids.extend(body.iter().flat_map(|body| ids_in(body))),
                Err(BucketError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for prefix in [format!("shares/{id}"), format!("jobs/documents/{id}-"), format!("{DAMAGED_FOLDER}{key}")] {
            self.bucket.remove_all(&prefix).await?;
        }
        self.bucket.remove(&key).await?;
        Ok(ids)
    }

    /// Marks `ids` in the listing as videos whose documents cannot be read.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn mark_damaged(&self, ids: &BTreeSet<ShortId>) -> Result<(), BucketError> {
        if ids.is_empty() { Ok(()) } else { self.listing.mark_damaged(ids).await }
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
        let mut done = Reindexed { removed: self.listing.renew_unreadable().await?, ..Reindexed::default() };
        let listed = self.listing.all().await?;
        done.videos = videos.len() as u64;
        // One that was marked as damaged, and can be read again, is stale.
        let whole = listed.iter().filter(|(_, entry)| !entry.damaged);
        let revisions: BTreeMap<_, _> = whole.map(|(_, entry)| (&entry.short_id, entry.revision)).collect();
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
            if known.contains(&entry.short_id) {
                continue;
            }
            match self.get(&entry.short_id).await {
                Ok(None) => ghosts.entry(shard).or_default().push(entry.short_id.clone()),
                // What the listing knows of a damaged one is all that is known.
                Err(error) if error.is_unreadable() => {}
                found => drop(found?),
            }
        }
        for (shard, ids) in ghosts {
            self.listing.forget(shard, &ids).await?;
            done.removed += ids.len() as u64;
        }
        Ok(done)
    }
}

/// Every uuid that stands as a text in what once was JSON.
fn ids_in(body: &[u8]) -> impl Iterator<Item = EncodeId> {
    body.split(|byte| *byte == b'"').filter_map(|text| str::from_utf8(text).ok()?.parse().ok())
}
