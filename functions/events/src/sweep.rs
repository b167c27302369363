//! A sweep: plan, then do. Objects go first and the documents that name them last, so a sweep that
//! is killed leaves what the next one needs to go on.

use std::{collections::BTreeSet, fmt, ops::AddAssign};

use clipset_bucket::{BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    job::Job,
    key::{DocumentKey, MediaKey, prefixes_of},
    video::{ABANDONED_AFTER, HlsStream, Publication, Video, retire_at},
};
use clipset_service::{Service, tombstones};

use crate::{
    action::{Action, Held, Rule},
    due::take_looks,
    look::look,
    note::Note,
    plan::plan,
    step::Bounds,
    tend::{Round, bury, clear_tombstones},
    whole,
};

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

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.actions += other.actions;
        self.objects += other.objects;
        self.entries += other.entries;
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} steps, {} objects removed, {} entries mended", self.actions, self.objects, self.entries)
    }
}

/// Brings the whole bucket in order at once: what [`step`](crate::step()) does in parts.
///
/// # Errors
/// [`BucketError`] of a step; the next sweep goes on from there.
pub async fn sweep(service: &Service) -> Result<Swept, BucketError> {
    sweep_at(service, service.bucket.time().await?, false).await
}

/// As [`sweep`], as of `now`; with `force` however many orphans there are.
///
/// # Errors
/// As [`sweep`].
pub async fn sweep_at(service: &Service, now: Timestamp, force: bool) -> Result<Swept, BucketError> {
    let round = Round::begin(service, now).await?;
    let due = take_looks(service, &round, &Bounds { looks: 1000, ..Bounds::default() }).await?;
    let seen = look(service, now, force).await?;
    let plan = plan(&seen);
    bury(service, &seen.videos);
    clear_tombstones(service);
    warn_of(&plan.held);
    keep_note(service, &seen.note, &plan.note).await?;
    let mut swept = due;
    swept += do_all(service, plan.actions).await?;
    let mended = service.videos.reindex().await?;
    swept.entries += mended.updated + mended.removed;
    service.videos.summarise(usize::MAX).await?;
    start_migration(service).await?;
    Ok(swept)
}

/// Begins the run in which older videos move to HLS. With the listing in order: it tells which are to.
pub(crate) async fn start_migration(service: &Service) -> Result<(), BucketError> {
    match service.migrations.start(false).await {
        // `clipset repair` sets it aside, and the next sweep begins a new run.
        Err(error) if error.is_unreadable() => tracing::error!(%error, "older videos do not move to HLS"),
        started => drop(started?),
    }
    Ok(())
}

/// Removes the plans that no migration needs.
pub(crate) async fn remove_stray_plans(service: &Service) -> Result<Swept, BucketError> {
    let stray = service.migrations.stray_plans().await?;
    do_all(service, stray.into_iter().map(Action::RemovePlan).collect()).await
}

/// Does these steps, one after the other.
pub(crate) async fn do_all(service: &Service, actions: Vec<Action>) -> Result<Swept, BucketError> {
    let mut swept = Swept::default();
    for action in actions {
        tracing::info!("{action}");
        match take(service, action).await {
            Ok(removed) => swept.objects += removed,
            // Damaged since it was looked at.
            Err(error) if error.is_unreadable() => tracing::error!(%error, "a step of the sweep is left out"),
            Err(error) => return Err(error),
        }
        swept.actions += 1;
    }
    Ok(swept)
}

/// Says in the log what is held back for more than its time.
pub(crate) fn warn_of(held: &[Held]) {
    let waits = |held: &&Held| matches!(held.rule, Rule::Waits { .. });
    if let Some(first) = held.iter().find(|held| !waits(held)) {
        tracing::warn!(steps = held.iter().filter(|held| !waits(held)).count(), "{first}");
    }
}

/// Writes the parts of the note that changed, unless another sweep was faster: what it found is as good.
pub(crate) async fn keep_note(service: &Service, before: &Note, after: &Note) -> Result<(), BucketError> {
    let part = |note: &Note, byte| -> Note {
        note.iter().filter(|(id, _)| id.first_byte() == byte).map(|(id, sighting)| (*id, *sighting)).collect()
    };
    let bytes: BTreeSet<u8> = before.keys().chain(after.keys()).map(|id| id.first_byte()).collect();
    for byte in bytes {
        let (before, after, key) = (part(before, byte), part(after, byte), DocumentKey::Orphans(byte));
        if after == before {
            continue;
        }
        if after.is_empty() {
            service.bucket.remove(&key).await?;
            continue;
        }
        let kept = service.bucket.upsert(&key, |found: Option<Note>| {
            let found = found.unwrap_or_default();
            Ok::<_, UpdateError<std::convert::Infallible>>(if found == before { after.clone() } else { found })
        });
        match kept.await {
            Ok(_) | Err(UpdateError::Missing) => {}
            // Its days begin anew.
            Err(UpdateError::Bucket(error)) if error.is_unreadable() => _ = service.bucket.put(&key, &after).await?,
            Err(UpdateError::Bucket(error)) => return Err(error),
            Err(UpdateError::Refused(never)) => match never {},
        }
    }
    Ok(())
}

/// Does one step; gives the number of objects removed.
async fn take(service: &Service, action: Action) -> Result<u64, BucketError> {
    match action {
        Action::RemoveVideo(video) => remove_video(service, &video).await,
        // A part may arrive long after it was signed.
        Action::Abandon(video) if part_arrived_lately(service, &video).await? => Ok(0),
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
        Action::RemoveAbandoned { job, video, abandoned } => remove_abandoned(service, &job, &video, &abandoned).await,
        Action::RemoveOrphan(id) => remove_objects(service, prefixes(&[id])).await,
        Action::AbortUpload { key, upload_id } => service.bucket.abort_by_key(&key, &upload_id).await.map(|()| 0),
    }
}

async fn part_arrived_lately(service: &Service, video: &Video) -> Result<bool, BucketError> {
    let Some(original) = video.upload.original.filter(|_| video.parts.is_some()) else { return Ok(false) };
    match service.bucket.last_part_at(&MediaKey::Original(original), &video.upload.upload_id).await {
        Ok(stored) => Ok(stored.is_some_and(|stored| stored + ABANDONED_AFTER > service.bucket.now())),
        Err(BucketError::Missing { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes a video and removes all of it, if its document still is as `expected`.
async fn delete(service: &Service, video: &Video, expected: impl Fn(&Video) -> bool) -> Result<u64, BucketError> {
    let deleted = service.videos.update(&video.short_id, |found| {
        if expected(found) {
            found.delete(service.bucket.now());
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

/// Supersedes the original of a video whose stream passed its check; runners note that, and for MediaConvert's and those from
/// before originals were not kept it is made up for here. The object goes with a later sweep, by the document that names it.
async fn retire_original(service: &Service, video: &Video) -> Result<u64, BucketError> {
    let (Some(publication), Some(stream)) = (&video.publication, video.stream()) else { return Ok(0) };
    if publication.checked.is_none() && !passes_check(service, video, stream, publication).await? {
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

async fn passes_check(
    service: &Service,
    video: &Video,
    stream: &HlsStream,
    publication: &Publication,
) -> Result<bool, BucketError> {
    let fault = match whole::fault(&service.bucket, stream, publication.duration_seconds).await {
        Ok(fault) => fault,
        // Changed meanwhile.
        Err(error @ BucketError::Missing { .. }) => Some(error.to_string()),
        Err(error) => return Err(error),
    };
    if let Some(fault) = &fault {
        tracing::warn!(short_id = %video.short_id, fault, "the stream is not whole; its original is kept");
    }
    Ok(fault.is_none())
}

pub(crate) async fn remove_video(service: &Service, video: &Video) -> Result<u64, BucketError> {
    if let Some(original) = video.upload.original {
        service.bucket.abort_upload(&MediaKey::Original(original), &video.upload.upload_id).await?;
    }
    let id = &video.short_id;
    let jobs = close_jobs(service, id).await?;
    let written = jobs.iter().flat_map(|job| job.writing.iter().chain(&job.abandoned)).copied();
    let ids: Vec<_> = video.ids().into_iter().chain(written).collect();
    let removed = remove_objects(service, prefixes(&ids)).await?;
    if jobs.iter().any(|job| job.is_held(service.bucket.now())) {
        // Its runner stops now, and may have written on until then: the next sweep removes that, and the documents.
        return Ok(removed);
    }
    let documents = ["shares/", "jobs/documents/", "jobs/leftovers/", "jobs/dispatches/", "catalog/videos/"];
    let set_aside = documents.iter().map(|folder| format!("damaged/{folder}{id}"));
    let documents = [format!("shares/{id}"), format!("jobs/documents/{id}-"), format!("jobs/leftovers/{id}-")];
    let removed = removed + remove_objects(service, documents.into_iter().chain(set_aside)).await?;
    service.videos.remove(video).await?;
    service.video_changed(id);
    Ok(removed)
}

/// Ends the jobs of a deleted video; gives them as they were before.
async fn close_jobs(service: &Service, video: &ShortId) -> Result<Vec<Job>, BucketError> {
    let prefix = "jobs/documents/";
    let keys = service.bucket.keys(&format!("{prefix}{video}-")).await?;
    let ids = keys.iter().filter_map(|key| key.strip_prefix(prefix)?.strip_suffix(".json")?.parse::<JobId>().ok());
    let mut jobs = Vec::new();
    for id in ids {
        let job = match service.jobs.get(&id).await {
            Ok(Some(job)) => job,
            Ok(None) => continue,
            // It goes with its video.
            Err(error) if error.is_unreadable() => continue,
            Err(error) => return Err(error),
        };
        let now = service.bucket.now();
        if job.is_held(now) {
            let ended = service.jobs.update(&id, |job| {
                job.call_off(now);
                Ok::<_, std::convert::Infallible>(())
            });
            match ended.await {
                Ok(_) | Err(UpdateError::Missing) => {}
                Err(UpdateError::Bucket(error)) => return Err(error),
                Err(UpdateError::Refused(never)) => match never {},
            }
        }
        service.jobs.close(&job).await?;
        jobs.push(job);
    }
    Ok(jobs)
}

/// Removes of `abandoned` what the video does not name: it is asked again, for a runner that lost its lease may have
/// published until a moment ago.
async fn remove_abandoned(
    service: &Service,
    job: &JobId,
    video: &ShortId,
    abandoned: &[EncodeId],
) -> Result<u64, BucketError> {
    let Some(video) = service.videos.get(video).await? else { return Ok(0) };
    let named = video.value.ids();
    let garbage: Vec<_> = abandoned.iter().filter(|id| !named.contains(id)).copied().collect();
    let removed = remove_objects(service, prefixes(&garbage)).await?;
    service.jobs.forget_abandoned(job, abandoned).await?;
    Ok(removed)
}

/// The prefixes to remove for `ids`.
pub(crate) fn prefixes(ids: &[EncodeId]) -> impl Iterator<Item = String> + '_ {
    ids.iter().flat_map(|id| prefixes_of(*id))
}

pub(crate) async fn remove_objects(
    service: &Service,
    prefixes: impl Iterator<Item = String>,
) -> Result<u64, BucketError> {
    let mut removed = 0;
    for prefix in prefixes {
        removed += service.bucket.remove_all(&prefix).await?;
    }
    Ok(removed)
}
