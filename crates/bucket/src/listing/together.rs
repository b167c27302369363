//! Writers who meet at one shard, as all do who change new clips.
//!
//! Each lays what it has beside the shard, and whoever writes next takes along all that lies there: one write carries as
//! many changes as wait for it, where one after the other twenty a second were the most. What a killed writer left lying
//! goes with the next such write, or with a scheduled run.

use std::collections::BTreeSet;

use clipset_core::{
    key::DocumentKey,
    listing::{Entry, SHARD_LIMIT},
};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::{Listing, READ_AHEAD};
use crate::{
    BucketError,
    documents::{ATTEMPTS, pause},
};

impl Listing {
    /// Brings `entries` into shard `name` with this write or another's.
    pub(super) async fn write_together(
        &self,
        name: &str,
        entries: &[Entry],
        names: &[String],
    ) -> Result<(), BucketError> {
        let mut own = BTreeSet::new();
        for entry in entries {
            let key = DocumentKey::Waiting(name.to_owned(), entry.short_id.clone(), entry.revision);
            self.bucket.put(&key, entry).await?;
            own.insert(key.to_string());
        }
        let beside = format!("{}{name}/", DocumentKey::WAITING);
        for attempt in 0..ATTEMPTS {
            let lying = self.bucket.page(&beside, false, None, SHARD_LIMIT).await?;
            // What is neither there nor was taken here was taken along. A page holds no more than one split has room for.
            if lying.len() < SHARD_LIMIT && !lying.iter().any(|key| own.contains(key)) {
                return Ok(());
            }
            let taken = self.lying(&lying).await?;
            match self.merge(name, &taken, names, 1).await {
                Ok(()) => self.clear(&lying).await?,
                Err(BucketError::Conflict { .. }) => tokio::time::sleep(pause(attempt)).await,
                Err(error) => return Err(error),
            }
        }
        // Too busy for all that: the document is the truth, and the next writer takes the entry along.
        Ok(())
    }

    /// Lists what killed writers left lying, a page of it; gives its number.
    pub(crate) async fn take_what_lies(&self) -> Result<usize, BucketError> {
        let lying = self.bucket.page(DocumentKey::WAITING, false, None, SHARD_LIMIT).await?;
        if !lying.is_empty() {
            self.upsert(self.lying(&lying).await?).await?;
            self.clear(&lying).await?;
        }
        Ok(lying.len())
    }

    async fn lying(&self, keys: &[String]) -> Result<Vec<Entry>, BucketError> {
        let keys = keys.iter().filter_map(|key| DocumentKey::parse(key));
        let reads = keys.map(async |key| self.bucket.read::<Entry>(&key).await);
        // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
        let reads: Vec<_> = reads.collect();
        let found: Vec<_> = stream::iter(reads).buffered(READ_AHEAD).try_collect().await?;
        Ok(found.into_iter().flatten().map(|found| found.value).collect())
    }

    async fn clear(&self, keys: &[String]) -> Result<(), BucketError> {
        let keys = keys.iter().filter_map(|key| DocumentKey::parse(key));
        let removals: Vec<_> = keys.map(async |key| self.bucket.remove(&key).await).collect();
        stream::iter(removals).buffered(READ_AHEAD).try_collect().await
    }
}
