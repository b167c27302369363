//! The videos' documents, and the listing that follows them.

use std::collections::BTreeSet;

use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    key::DocumentKey,
    listing::{Entry, Query},
    summary::Wanted,
    video::{Video, VideoError},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, BucketError, DAMAGED_FOLDER, Page, UpdateError, Versioned, listing::Listing};

mod looks;
mod parts;
mod reindex;

pub use looks::Look;
pub use parts::SomeVideos;
pub use reindex::Reindexed;

/// Documents read at once where all are read.
const PARALLEL_READS: usize = 16;

/// The videos of a bucket.
#[derive(Debug, Clone)]
pub struct Videos {
    bucket: Bucket,
    listing: Listing,
}

/// What [`Videos::all`] found.
#[derive(Debug, Clone, Default)]
pub struct AllVideos {
    /// Those whose documents were read, deleted ones too.
    pub videos: Vec<Video>,
    /// Those whose document nobody can read, in its place or set aside: each once.
    pub unreadable: Vec<ShortId>,
    /// Of `unreadable`, those whose document was set aside and is in its place no more, or was written anew there.
    /// That they cannot be read is known; the others may have been damaged a moment ago.
    pub set_aside: Vec<ShortId>,
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
        self.note_looks(video).await?;
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
        change: impl FnMut(&mut Video) -> Result<(), E>,
    ) -> Result<Video, UpdateError<E>> {
        let video = self.update_document(id, change).await?;
        self.relist(std::slice::from_ref(&video)).await?;
        Ok(video)
    }

    /// Changes a video's document alone: [`Videos::relist`] is to follow, for many of them at once.
    ///
    /// # Errors
    /// [`UpdateError`], with what `change` refused.
    pub async fn update_document<E>(
        &self,
        id: &ShortId,
        mut change: impl FnMut(&mut Video) -> Result<(), E>,
    ) -> Result<Video, UpdateError<E>> {
        let key = DocumentKey::Video(id.clone());
        let now = self.bucket.now();
        let notes = |before: Option<&Video>, after: &Video| looks::keys(&after.short_id, after.new_looks(before, now));
        let changed = self.bucket.update_noting(&key, notes, |video: &mut Video| {
            let before = video.clone();
            change(video)?;
            if *video != before {
                video.revision += 1;
            }
            Ok(())
        });
        Ok(changed.await?.value)
    }

    /// Brings the entries of these videos up to their documents.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn relist(&self, videos: &[Video]) -> Result<(), BucketError> {
        self.listing.upsert(videos.iter().map(Entry::from).collect()).await
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
        self.bucket.remove(&DocumentKey::Video(video.short_id.clone())).await?;
        self.forget_looks(video).await
    }

    /// Removes all records of a video whose document cannot be read, set aside or not; gives the uuids that still stood
    /// in them. Its media are nobody's from now on: a sweep removes them as it does orphans.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn remove_damaged(&self, id: &ShortId) -> Result<Vec<EncodeId>, BucketError> {
        // By the summaries, for nothing else tells its place.
        for (shard, _) in self.listing.entries(&Wanted::clip(id), |entry| entry.short_id == *id).await? {
            self.listing.forget(&shard, std::slice::from_ref(id)).await?;
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
        for prefix in [
            format!("{}{id}", DocumentKey::SHARES),
            format!("{}{id}-", DocumentKey::JOBS),
            format!("{DAMAGED_FOLDER}{key}"),
        ] {
            self.bucket.remove_all(&prefix).await?;
        }
        self.bucket.remove(&key).await?;
        Ok(ids)
    }

    /// Lists what killed writers were about to list, a page of it; gives its number.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn list_what_lies(&self) -> Result<usize, BucketError> {
        self.listing.take_what_lies().await
    }

    /// Makes the summaries of the listing anew, by which searches pass over what cannot hold what they ask for, of at most
    /// `most` shards that changed; gives their number.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn summarise(&self, most: usize) -> Result<usize, BucketError> {
        self.listing.summarise(most).await
    }

    /// Every entry of the listing, the newest first.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn entries(&self) -> Result<Vec<Entry>, BucketError> {
        self.picked(&Wanted::anything(), |_| true).await
    }

    /// The entries of finished clips that are not HLS, the newest first.
    ///
    /// # Errors
    /// [`BucketError`].
    pub(crate) async fn to_move(&self) -> Result<Vec<Entry>, BucketError> {
        self.picked(&Wanted::not_hls(), Entry::is_to_move).await
    }

    async fn picked(&self, wanted: &Wanted, pick: impl Fn(&Entry) -> bool) -> Result<Vec<Entry>, BucketError> {
        Ok(self.listing.entries(wanted, pick).await?.into_iter().map(|(_, entry)| entry).collect())
    }

    /// Every video. For sweeps: it reads all documents. One that cannot be read is named, and ends nothing.
    ///
    /// # Errors
    /// [`BucketError`]: the store is away, so nothing is known.
    pub async fn all(&self) -> Result<AllVideos, BucketError> {
        let names = self.bucket.children(DocumentKey::VIDEOS).await?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<ShortId>().ok());
        let reads = ids.map(|id| async move {
            match self.get(&id).await {
                Ok(found) => Ok(found.map(|found| Ok(found.value))),
                Err(error) if error.is_unreadable() => {
                    tracing::error!(%error, "the record of a clip cannot be read; what is its own is kept");
                    Ok(Some(Err(id)))
                }
                Err(error) => Err(error),
            }
        });
        let found: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await?;
        let (mut videos, mut damaged) = (Vec::new(), BTreeSet::new());
        for found in found.into_iter().flatten() {
            match found {
                Ok(video) => videos.push(video),
                Err(id) => _ = damaged.insert(id),
            }
        }
        // Last: one that is moved there meanwhile is in the one place or the other.
        let set_aside: BTreeSet<_> = self.set_aside().await?.difference(&damaged).cloned().collect();
        let unreadable = damaged.union(&set_aside).cloned().collect();
        Ok(AllVideos { videos, unreadable, set_aside: set_aside.into_iter().collect() })
    }

    /// The videos of which a document was set aside: `damaged/catalog/videos/{short_id}.json`, or a second one with a
    /// number behind.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn set_aside(&self) -> Result<BTreeSet<ShortId>, BucketError> {
        let names = self.bucket.children(&format!("{DAMAGED_FOLDER}{}", DocumentKey::VIDEOS)).await?;
        Ok(names.iter().filter_map(|name| name.split('.').next()?.parse().ok()).collect())
    }
}

/// Every uuid that stands as a text in what once was JSON.
fn ids_in(body: &[u8]) -> impl Iterator<Item = EncodeId> {
    body.split(|byte| *byte == b'"').filter_map(|text| str::from_utf8(text).ok()?.parse().ok())
}
