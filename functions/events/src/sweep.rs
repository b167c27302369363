//! A sweep: plan, then do. Objects go first and the documents that name them last, so a sweep that
//! is killed leaves what the next one needs to go on.

use std::fmt;

use clipset_bucket::{BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    key::MediaKey,
    video::{HlsStream, Video, retire_at},
};
use clipset_service::{Service, tombstones};

use crate::plan::{Action, plan, prefixes};

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Steps that were taken.
    pub actions: u64,
    /// Objects that were removed.
    pub objects: u64,
    /// Entries of the listing that were mended.
    pub entries: u64,
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps, {} objects removed, {} entries mended", self.actions, self.objects, self.entries)
    }
}

/// Brings the bucket in order.
///
/// # Errors
/// [`BucketError`] of a step; the next sweep goes on from there.
pub async fn sweep(service: &Service) -> Result<Swept, BucketError> {
    let (actions, mut videos) = plan(service, service.bucket.now()).await?;
    let mut swept = Swept::default();
    if let Some(folder) = &service.config.tombstones {
        let deleted = videos.iter().filter(|video| video.is_deleted()).flat_map(Video::ids).collect::<Vec<_>>();
        if let Err(error) = tombstones::bury(folder, &deleted).and_then(|()| tombstones::clear_old(folder)) {
            tracing::error!(%error, "tombstones cannot be kept; deleted videos stop when their objects are gone");
        }
    }
    for action in actions {
        tracing::info!("{action}");
        if let Action::RemoveVideo(gone) | Action::Abandon(gone) | Action::Expire(gone) = &action {
            videos.retain(|video| video.short_id != gone.short_id);
        }
        swept.objects += take(service, action).await?;
        swept.actions += 1;
    }
    let mended = service.videos.reindex(&videos).await?;
    swept.entries = mended.updated + mended.removed;
    // With the listing in order: it tells which videos are not in the format that is wanted.
    service.migrations.start(false).await?;
    Ok(swept)
}

/// Does one step; gives the number of objects removed.
async fn take(service: &Service, action: Action) -> Result<u64, BucketError> {
    match action {
        Action::RemoveVideo(video) => remove_video(service, &video).await,
        // Unless its owner came back to it just now.
        Action::Abandon(video) => delete(service, &video, |found| *found == video).await,
        Action::Expire(video) => {
            let same = |found: &Video| {
                found.expire_after_days == video.expire_after_days && found.phase.name() == video.phase.name()
            };
            delete(service, &video, same).await
        }
        Action::RetireOriginal(video) => retire_original(service, &video).await,
        Action::RemoveDocument { key, .. } => service.bucket.remove(&key).await.map(|()| 0),
        Action::RemovePlan(key) => service.bucket.remove_all(&key).await.map(|_| 0),
        Action::Release { owner, upload } => {
            clipset_bucket::release_quota(&service.bucket, &owner, upload).await.map(|()| 0)
        }
        Action::RemoveSuperseded(video, ids) => {
            let removed = remove_objects(service, prefixes(&ids)).await?;
            let forgotten = service.videos.update(&video.short_id, |found| {
                found.superseded.retain(|old| !ids.contains(&old.id));
                Ok::<(), std::convert::Infallible>(())
            });
            match forgotten.await {
                Ok(_) | Err(UpdateError::Missing) => Ok(removed),
                Err(UpdateError::Bucket(error)) => Err(error),
                Err(UpdateError::Refused(never)) => match never {},
            }
        }
        Action::Enqueue(job) => service.jobs.enqueue(&job).await.map(|()| 0),
        Action::Fail(video, reason) => {
            match service.videos.update(&video.short_id, |found| found.fail(reason.clone())).await {
                Ok(_) | Err(UpdateError::Missing | UpdateError::Refused(_)) => Ok(0),
                Err(UpdateError::Bucket(error)) => Err(error),
            }
        }
        Action::RemoveOrphan(id) => remove_objects(service, prefixes(&[id])).await,
        Action::AbortUpload { key, upload_id } => service.bucket.abort_by_key(&key, &upload_id).await.map(|()| 0),
    }
}

/// Deletes a video and removes all of it, if its document still is as `expected`.
async fn delete(service: &Service, video: &Video, expected: impl Fn(&Video) -> bool) -> Result<u64, BucketError> {
    let deleted = service.videos.update(&video.short_id, |found| {
        if expected(found) {
            found.delete(Timestamp::now());
        }
        Ok::<(), std::convert::Infallible>(())
    });
    match deleted.await {
        Ok(found) if found.is_deleted() => {
            if let Some(folder) = &service.config.tombstones
                && let Err(error) = tombstones::bury(folder, &found.ids())
            {
                tracing::error!(%error, "a tombstone could not be kept");
            }
            remove_video(service, &found).await
        }
        Ok(_) | Err(UpdateError::Missing) => Ok(0),
        Err(UpdateError::Bucket(error)) => Err(error),
        Err(UpdateError::Refused(never)) => match never {},
    }
}

/// Supersedes the original of a video whose stream passed its check; runners note that, and for streams from before
/// originals were not kept it is made up for here. The object goes with a later sweep, by the document that names it.
async fn retire_original(service: &Service, video: &Video) -> Result<u64, BucketError> {
    let (Some(publication), Some(stream)) = (&video.publication, video.stream()) else { return Ok(0) };
    if publication.checked.is_none() && !passes_check(service, video, stream).await? {
        return Ok(0);
    }
    let (encode, now) = (stream.encode, service.bucket.now());
    let until = retire_at(now, service.config.signature_life);
    let retired = service.videos.update(&video.short_id, |found| {
        // Of the very stream that was checked; a newer one has its own check.
        found.pass_check(encode, publication.checked.unwrap_or(now))?;
        found.retire_original(until)
    });
    match retired.await {
        Ok(_) | Err(UpdateError::Missing | UpdateError::Refused(_)) => Ok(0),
        Err(UpdateError::Bucket(error)) => Err(error),
    }
}

async fn passes_check(service: &Service, video: &Video, stream: &HlsStream) -> Result<bool, BucketError> {
    let local = |source| BucketError::Local { operation: "check", source };
    let folder = tempfile::tempdir().map_err(local)?;
    match service.bucket.download_stream(stream, folder.path()).await {
        Ok(()) => {}
        // Too large for the disk here, or changed meanwhile: the original stays.
        Err(error @ (BucketError::Local { .. } | BucketError::Missing { .. })) => {
            tracing::warn!(short_id = %video.short_id, %error, "the stream could not be checked; its original is kept");
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    let path = folder.path().to_owned();
    let report = tokio::task::spawn_blocking(move || clipset_check::check(&path)).await;
    let report = report.map_err(|error| local(std::io::Error::other(error)))?;
    let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
    if !broken.is_empty() {
        tracing::warn!(short_id = %video.short_id, ?broken, "the stream breaks these rules; its original is kept");
    }
    Ok(broken.is_empty())
}

async fn remove_video(service: &Service, video: &Video) -> Result<u64, BucketError> {
    if let Some(original) = video.upload.original {
        service.bucket.abort_upload(&MediaKey::Original(original), &video.upload.upload_id).await?;
    }
    let id = &video.short_id;
    if let Some(job) = &video.job
        && let Some(job) = service.jobs.get(job).await?
    {
        service.jobs.close(&job).await?;
    }
    let documents = [format!("shares/{id}"), format!("jobs/documents/{id}-")];
    let removed = remove_objects(service, prefixes(&video.ids()).chain(documents)).await?;
    service.videos.remove(video).await?;
    service.video_changed(id);
    Ok(removed)
}

async fn remove_objects(service: &Service, prefixes: impl Iterator<Item = String>) -> Result<u64, BucketError> {
    let mut removed = 0;
    for prefix in prefixes {
        removed += service.bucket.remove_all(&prefix).await?;
    }
    Ok(removed)
}
