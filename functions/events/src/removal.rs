//! The removal of one deleted video, as soon as it is deleted.

use clipset_bucket::BucketError;
use clipset_core::id::ShortId;
use clipset_service::{Service, tombstones};

use crate::sweep::remove_video;

/// How a removal came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// So many objects are gone.
    Done(u64),
    /// A runner still writes; it finds out within seconds that the video was deleted.
    Busy,
    /// There is no deleted video of this id.
    Nothing,
}

/// Removes everything of the video `id` if its document says that it was deleted. Done twice it does no harm.
///
/// # Errors
/// [`BucketError`]; the next sweep goes on from there.
pub async fn remove_deleted(service: &Service, id: &ShortId) -> Result<Removal, BucketError> {
    let Some(video) = service.videos.get(id).await?.map(|found| found.value).filter(|video| video.is_deleted()) else {
        return Ok(Removal::Nothing);
    };
    if let Some(folder) = &service.config.tombstones
        && let Err(error) = tombstones::bury(folder, &video.ids())
    {
        tracing::error!(%error, "a tombstone could not be kept");
    }
    let now = service.bucket.now();
    if service.jobs.of_video(id).await?.iter().any(|job| job.is_held(now)) {
        return Ok(Removal::Busy);
    }
    remove_video(service, &video).await.map(Removal::Done)
}
