//! The whole listing brought in line with the documents, a part at a time: of a million clips it remembers the ids and
//! revisions, some 100 MB, where their documents would be ten times that.

use std::collections::{BTreeSet, HashMap, HashSet};

use clipset_core::{id::ShortId, video::Video};

use super::Videos;
use crate::BucketError;

/// Shards that are read together.
const SHARDS: usize = 200;

/// Documents that are read together.
const DOCUMENTS: usize = 1000;

/// What [`Videos::reindex`] mended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reindexed {
    /// Videos there are.
    pub videos: u64,
    /// Entries that were missing or old.
    pub updated: u64,
    /// Entries without a document, and shards that could not be read.
    pub removed: u64,
    /// Videos whose documents cannot be read, here or set aside. Their entries say so.
    pub unreadable: BTreeSet<ShortId>,
}

impl Videos {
    /// Brings the listing in line with the documents.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn reindex(&self) -> Result<Reindexed, BucketError> {
        let mut done = Reindexed { removed: self.listing.renew_unreadable().await?, ..Reindexed::default() };
        let listed = self.revisions().await?;
        let (mut read, mut after) = (HashSet::new(), None);
        loop {
            let part = self.part(after.as_deref(), DOCUMENTS).await?;
            let is_stale = |video: &&Video| listed.get(&video.short_id).is_none_or(|listed| *listed < video.revision);
            let stale: Vec<Video> = part.videos.iter().filter(is_stale).cloned().collect();
            self.relist(&stale).await?;
            done.videos += part.videos.len() as u64;
            done.updated += stale.len() as u64;
            done.unreadable.extend(part.unreadable);
            read.extend(part.videos.into_iter().map(|video| video.short_id));
            match part.after {
                None => break,
                next => after = next,
            }
        }
        // What is set aside may come back to its place.
        done.unreadable.extend(self.set_aside().await?.into_iter().filter(|id| !read.contains(id)));
        let mut after = None;
        loop {
            let shards = self.shards(after.as_deref(), SHARDS).await?;
            for (name, entries) in &shards {
                let doubted =
                    entries.iter().filter(|entry| !entry.damaged || !done.unreadable.contains(&entry.short_id));
                let doubted = doubted.map(|entry| &entry.short_id).filter(|id| !read.contains(*id));
                done.removed += self.mend_shard(name, doubted.cloned().collect()).await?;
            }
            match shards.last() {
                None => return Ok(done),
                Some((name, _)) => after = Some(name.clone()),
            }
        }
    }

    /// What the listing says. One that was marked as damaged, and can be read again, is not as its document is.
    async fn revisions(&self) -> Result<HashMap<ShortId, u64>, BucketError> {
        let (mut revisions, mut after) = (HashMap::new(), None);
        loop {
            let shards = self.shards(after.as_deref(), SHARDS).await?;
            let Some((last, _)) = shards.last() else { return Ok(revisions) };
            after = Some(last.clone());
            let whole = shards.into_iter().flat_map(|(_, entries)| entries).filter(|entry| !entry.damaged);
            revisions.extend(whole.map(|entry| (entry.short_id, entry.revision)));
        }
    }
}
