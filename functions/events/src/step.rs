//! What a scheduled run does: a bounded part of what there is to do, however large the library is.

use std::time::Duration;

use clipset_bucket::BucketError;
use clipset_core::Timestamp;
use clipset_service::Service;

use crate::{
    due::take_looks,
    sweep::{Swept, remove_stray_plans},
    tend::{Round, clear_tombstones},
    walk::walk,
};

/// A shard of the listing, read to be summarised, takes as long as so many documents.
const READS_OF_A_SHARD: usize = 10;

/// How much one run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Clips of the queue.
    pub looks: usize,
    /// Documents and uuids of the walk, about.
    pub reads: usize,
    /// Of each of the two parts. What is under way is ended.
    pub patience: Duration,
}

impl Default for Bounds {
    /// What a function ends within its five minutes, and what costs less than five dollars a month if it is done hourly.
    fn default() -> Self {
        Self { looks: 500, reads: 10_000, patience: Duration::from_secs(100) }
    }
}

/// One scheduled run: what is due first, then a part of the walk over everything.
///
/// # Errors
/// [`BucketError`]; the next run goes on from there.
pub async fn step(service: &Service) -> Result<Swept, BucketError> {
    step_at(service, service.bucket.time().await?, &Bounds::default()).await
}

/// As [`step`], as of `now` and within `bounds`.
///
/// # Errors
/// As [`step`].
pub async fn step_at(service: &Service, now: Timestamp, bounds: &Bounds) -> Result<Swept, BucketError> {
    clear_tombstones(service);
    let round = Round::begin(service, now).await?;
    let mut swept = take_looks(service, &round, bounds).await?;
    swept += remove_stray_plans(service).await?;
    service.videos.list_what_lies().await?;
    service.videos.summarise((bounds.reads / READS_OF_A_SHARD).max(1)).await?;
    match service.migrations.tend().await {
        // `clipset repair` sets it aside, and the end of the walk begins a new run.
        Err(error) if error.is_unreadable() => tracing::error!(%error, "older videos do not move to HLS"),
        tended => drop(tended?),
    }
    swept += Box::pin(walk(service, &round, bounds)).await?;
    Ok(swept)
}
