//! What some clips say of themselves, done: the part of a sweep that needs no look at all others.

use std::collections::BTreeSet;

use clipset_bucket::{BucketError, Reading};
use clipset_core::{
    Timestamp,
    id::{JobId, ShortId},
    video::Video,
};
use clipset_service::{Service, tombstones};

use crate::{
    look::{Unreadable, lost_jobs, of_clips_set_aside},
    plan::{Snapshot, plan},
    sweep::{Swept, do_all},
};

/// What one run knows beside the clips that it looks at.
#[derive(Debug)]
pub(crate) struct Round {
    /// By the store's clock.
    pub(crate) now: Timestamp,
    pub(crate) settings: Reading,
    /// The jobs that wait or are at work.
    pub(crate) queue: BTreeSet<JobId>,
    /// The clips of which a record was set aside.
    pub(crate) set_aside: BTreeSet<ShortId>,
}

impl Round {
    pub(crate) async fn begin(service: &Service, now: Timestamp) -> Result<Self, BucketError> {
        let settings = service.settings.reading().await?;
        let queue = service.jobs.queue().await?.into_iter().collect();
        let set_aside = of_clips_set_aside(service).await?;
        Ok(Self { now, settings, queue, set_aside })
    }
}

/// Does what `videos`, as they were read just now, leave to do.
///
/// # Errors
/// [`BucketError`] of a step; whoever looks at them next goes on from there.
pub(crate) async fn tend(
    service: &Service,
    round: &Round,
    videos: Vec<Video>,
    unreadable: &mut Unreadable,
) -> Result<Swept, BucketError> {
    let jobs = lost_jobs(service, &videos, &round.queue, &[], unreadable).await?;
    bury(service, &videos);
    let seen = Snapshot {
        videos,
        jobs,
        queue: round.queue.clone(),
        set_aside: round.set_aside.clone(),
        unreadable: unreadable.clone(),
        ..Snapshot::blank(round.now, round.settings.clone())
    };
    do_all(service, plan(&seen).actions).await
}

/// Leaves the tombstones of those that are deleted where nginx looks for them.
pub(crate) fn bury(service: &Service, videos: &[Video]) {
    let Some(folder) = &service.config.tombstones else { return };
    let deleted = videos.iter().filter(|video| video.is_deleted()).flat_map(Video::ids).collect::<Vec<_>>();
    if let Err(error) = tombstones::bury(folder, &deleted) {
        tracing::error!(%error, "tombstones cannot be kept; deleted videos stop when their objects are gone");
    }
}

/// Removes the tombstones that no signature leads to any more.
pub(crate) fn clear_tombstones(service: &Service) {
    if let Some(folder) = &service.config.tombstones
        && let Err(error) = tombstones::clear_old(folder)
    {
        tracing::error!(%error, "old tombstones cannot be removed");
    }
}
