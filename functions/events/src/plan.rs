//! What a sweep would do, and why: found by looking alone.

use std::{collections::BTreeSet, fmt};

use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId, Username},
    job::{Job, JobKind, JobState},
    key::{DocumentKey, prefixes_of},
    video::{Phase, Video},
};
use clipset_service::Service;

use crate::ended;
use jiff::SignedDuration;

/// Parts that no video waits for go so long after their upload began.
const STRAY_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// One step of a sweep. Its `Display` says what and why.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// All objects and documents of a deleted video.
    RemoveVideo(Video),
    /// An upload that nobody went on with: its video is deleted.
    Abandon(Video),
    /// Encodes of a video whose last signature has run out.
    RemoveSuperseded(Video, Vec<EncodeId>),
    /// A video whose job nobody will find: the writer was killed between two writes.
    Enqueue(Job),
    /// A video whose job failed, and whose document does not say so yet.
    Fail(Video, String),
    /// A video whose days are over: it is deleted.
    Expire(Video),
    /// The original of a video whose stream stands for it, after the stream's check.
    RetireOriginal(Video),
    /// A private document whose time has passed.
    RemoveDocument {
        /// Which.
        key: DocumentKey,
        /// Why, in words.
        why: &'static str,
    },
    /// The plan of a migration that is not under way.
    RemovePlan(String),
    /// Bytes reserved for an upload that is not there.
    Release {
        /// Whose.
        owner: Username,
        /// For which.
        upload: EncodeId,
    },
    /// Objects below a uuid that no video and no running job knows.
    RemoveOrphan(EncodeId),
    /// Parts that no video waits for.
    AbortUpload {
        /// The object that would have been.
        key: String,
        /// The store's id.
        upload_id: String,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveVideo(video) => write!(f, "remove {}: it was deleted", video.short_id),
            Self::Abandon(video) => write!(f, "delete {}: its upload was silent for too long", video.short_id),
            Self::RemoveSuperseded(video, ids) => {
                write!(f, "remove {} old encode(s) of {}: no signature leads to them", ids.len(), video.short_id)
            }
            Self::Enqueue(job) => write!(f, "enqueue {}: its video waits and nobody knows of it", job.id),
            Self::Fail(video, _) => write!(f, "mark {} as failed: its job gave up", video.short_id),
            Self::RemoveOrphan(id) => write!(f, "remove {id}: no video and no running job knows it"),
            Self::Expire(video) => write!(f, "delete {}: its days are over", video.short_id),
            Self::RetireOriginal(video) => {
                write!(f, "remove the original of {}: its stream stands for it if it passes its check", video.short_id)
            }
            // The whole id of a share opens it, so it stands in no log.
            Self::RemoveDocument { key: DocumentKey::Share(share), why } => {
                write!(f, "remove a share of {}: {why}", share.video())
            }
            Self::RemoveDocument { key, why } => write!(f, "remove {key}: {why}"),
            Self::RemovePlan(key) => write!(f, "remove {key}: no migration needs it"),
            Self::Release { owner, upload } => {
                write!(f, "give {owner} back what was reserved for {upload}: there is no such upload")
            }
            Self::AbortUpload { key, .. } => write!(f, "abort the upload of {key}: no video waits for it"),
        }
    }
}

/// Looks at the bucket as it is at `now`. Also gives the videos that it read.
///
/// The order of reading makes orphans certain: a uuid that was listed first was noted in its job
/// before, and moved from there to its video, so if neither has it now, nobody ever will.
///
/// # Errors
/// [`BucketError`].
pub async fn plan(service: &Service, now: Timestamp) -> Result<(Vec<Action>, Vec<Video>), BucketError> {
    let stored = stored_ids(service).await?;
    let reservations = ended::reservations(service, now).await?;
    let settings = service.settings.current().await?;
    let queue: BTreeSet<_> = service.jobs.queue().await?.into_iter().collect();
    let mut known: BTreeSet<EncodeId> = service.jobs.writing().await?.into_iter().collect();
    let videos = service.videos.all().await?;
    known.extend(videos.iter().flat_map(Video::ids));

    // The ladder, the migration or the first job of these may still read the original.
    let busy: BTreeSet<ShortId> = queue.iter().filter_map(|id| id.as_str().split('-').next()?.parse().ok()).collect();
    let mut actions = Vec::new();
    for video in &videos {
        match &video.phase {
            Phase::Deleted { .. } => {
                actions.push(Action::RemoveVideo(video.clone()));
                continue;
            }
            Phase::Uploading if video.abandoned_at() < now => {
                actions.push(Action::Abandon(video.clone()));
            }
            Phase::Completed | Phase::Failed { .. }
                if video.expires_at(settings.expire_after_days).is_some_and(|end| end <= now) =>
            {
                actions.push(Action::Expire(video.clone()));
                continue;
            }
            Phase::Completed
                if !settings.keep_originals
                    && video.upload.original.is_some()
                    && video.stream().is_some()
                    && !busy.contains(&video.short_id) =>
            {
                actions.push(Action::RetireOriginal(video.clone()));
            }
            Phase::Pending | Phase::Processing => actions.extend(lost_job(service, video, &queue, now).await?),
            _ => {}
        }
        let ended: Vec<_> = video.superseded.iter().filter(|old| old.until < now).map(|old| old.id).collect();
        if !ended.is_empty() {
            actions.push(Action::RemoveSuperseded(video.clone(), ended));
        }
    }
    actions.extend(stored.difference(&known).copied().map(Action::RemoveOrphan));
    let waiting: BTreeSet<_> = videos.iter().map(|video| video.upload.upload_id.as_str()).collect();
    for (key, upload_id) in service.bucket.uploads_before("", now - STRAY_AFTER).await? {
        if !waiting.contains(upload_id.as_str()) {
            actions.push(Action::AbortUpload { key, upload_id });
        }
    }
    let originals: BTreeSet<_> =
        videos.iter().filter(|video| !video.is_deleted()).filter_map(|video| video.upload.original).collect();
    actions
        .extend(reservations.into_iter().filter(|(upload, _)| !originals.contains(upload)).map(|(_, action)| action));
    actions.extend(ended::documents(service, now).await?);
    actions.extend(service.migrations.stray_plans().await?.into_iter().map(Action::RemovePlan));
    Ok((actions, videos))
}

/// Every uuid below which something stands.
async fn stored_ids(service: &Service) -> Result<BTreeSet<EncodeId>, BucketError> {
    let mut stored = BTreeSet::new();
    for prefix in ["hls/", "progressive/", "images/", "originals/"] {
        let children = service.bucket.children(prefix).await?;
        let names = children.iter().map(|child| child.split(['/', '.']).next().unwrap_or_default());
        stored.extend(names.filter_map(|name| name.parse::<EncodeId>().ok()));
    }
    Ok(stored)
}

async fn lost_job(
    service: &Service,
    video: &Video,
    queue: &BTreeSet<clipset_core::id::JobId>,
    now: Timestamp,
) -> Result<Option<Action>, BucketError> {
    let Some(id) = video.job.as_ref().filter(|id| !queue.contains(*id)) else { return Ok(None) };
    Ok(match service.jobs.get(id).await? {
        None => {
            let number = id.as_str().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(1);
            Job::new(video.short_id.clone(), JobKind::First, number, now).ok().map(Action::Enqueue)
        }
        Some(Job { state: JobState::Failed { reason, .. }, .. }) => Some(Action::Fail(video.clone(), reason)),
        Some(Job { state: JobState::Done { .. }, .. }) => None,
        Some(job) => Some(Action::Enqueue(job)),
    })
}

/// The prefixes to remove for `ids`.
pub(crate) fn prefixes(ids: &[EncodeId]) -> impl Iterator<Item = String> + '_ {
    ids.iter().flat_map(|id| prefixes_of(*id))
}
