//! What a sweep sees of the bucket. A document that cannot be read is named, and ends nothing.

use std::collections::BTreeSet;

use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    job::Job,
    key::DocumentKey,
    migration::Migration,
    video::{Phase, Video},
};
use clipset_service::Service;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    ended,
    note::Note,
    plan::{STRAY_AFTER, Snapshot},
};

/// Documents read at once.
pub(crate) const PARALLEL_READS: usize = 16;

/// Where documents stand that may name media and were set aside; the id of their clip begins their name.
const SET_ASIDE: [&str; 3] = ["damaged/jobs/documents/", "damaged/jobs/dispatches/", "damaged/catalog/imports/"];

/// Documents that were met and cannot be read.
pub(crate) type Unreadable = Vec<DocumentKey>;

/// Looks at the bucket as it is at `now`.
///
/// # Errors
/// [`BucketError`].
pub async fn look(service: &Service, now: Timestamp, force: bool) -> Result<Snapshot, BucketError> {
    let mut unreadable = Unreadable::new();
    // In this order: see `Snapshot::orphans`.
    let stored = stored_ids(service).await?;
    let reservations = ended::reservations(service, now, &mut unreadable).await?;
    let settings = service.settings.reading().await?;
    let queue: BTreeSet<_> = service.jobs.queue().await?.into_iter().collect();
    let (mut jobs, lost) = service.jobs.unswept().await?;
    unreadable.extend(lost.into_iter().map(DocumentKey::Job));
    let found = service.videos.all().await?;
    let mut set_aside: BTreeSet<_> = found.set_aside.into_iter().collect();
    unreadable.extend(found.unreadable.into_iter().filter(|id| !set_aside.contains(id)).map(DocumentKey::Video));
    set_aside.extend(of_clips_set_aside(service).await?);
    jobs.extend(lost_jobs(service, &found.videos, &queue, &jobs, &mut unreadable).await?);
    migration(service, &mut unreadable).await?;
    let mut seen = Snapshot {
        all: stored.len(),
        stored,
        videos: found.videos,
        jobs,
        queue,
        set_aside,
        note: note(service, &mut unreadable).await?,
        uploads: service.bucket.uploads_before("", now - STRAY_AFTER).await?,
        reservations,
        ended: ended::documents(service, now, &mut unreadable).await?,
        stray_plans: service.migrations.stray_plans().await?,
        unreadable,
        force,
        ..Snapshot::blank(now, settings)
    };
    ask_for_clips(service, &mut seen).await?;
    Ok(seen)
}

/// Asks orphans that are due whose they are, where the answer matters: each is a handful of requests.
pub(crate) async fn ask_for_clips(service: &Service, seen: &mut Snapshot) -> Result<(), BucketError> {
    if !seen.set_aside.is_empty() {
        let asked =
            stream::iter(seen.due()).map(async |id| Ok::<_, BucketError>((id, service.bucket.clip_of(id).await?)));
        let said: Vec<_> = asked.buffer_unordered(PARALLEL_READS).try_collect().await?;
        seen.clips = said.into_iter().filter_map(|(id, clip)| Some((id, clip?))).collect();
    }
    Ok(())
}

/// The clips of which a document that may name media was set aside.
pub(crate) async fn of_clips_set_aside(service: &Service) -> Result<BTreeSet<ShortId>, BucketError> {
    let mut clips = service.videos.set_aside().await?;
    for prefix in SET_ASIDE {
        let names = service.bucket.children(prefix).await?;
        clips.extend(names.iter().filter_map(|name| name.get(..10)?.parse::<ShortId>().ok()));
    }
    Ok(clips)
}

/// The jobs that `videos` wait for and that neither stand in the queue nor are among the `known`.
pub(crate) async fn lost_jobs(
    service: &Service,
    videos: &[Video],
    queue: &BTreeSet<JobId>,
    known: &[Job],
    unreadable: &mut Unreadable,
) -> Result<Vec<Job>, BucketError> {
    let mut jobs = Vec::new();
    let waiting = videos.iter().filter(|video| matches!(video.phase, Phase::Pending | Phase::Processing));
    for id in waiting.filter_map(|video: &Video| video.job.as_ref()).filter(|id| !queue.contains(*id)) {
        let key = DocumentKey::Job(id.clone());
        if known.iter().all(|job| job.id != *id) && !unreadable.contains(&key) {
            jobs.extend(readable(key, service.jobs.get(id).await, unreadable)?.flatten());
        }
    }
    Ok(jobs)
}

/// Notes it if the run in which older videos move to HLS cannot be read.
pub(crate) async fn migration(service: &Service, unreadable: &mut Unreadable) -> Result<(), BucketError> {
    let migration = service.bucket.read_strictly::<Migration>(&DocumentKey::Migration).await;
    readable(DocumentKey::Migration, migration, unreadable).map(drop)
}

/// What was read; `None`, and its key noted, if it cannot be.
pub(crate) fn readable<T>(
    key: DocumentKey,
    read: Result<T, BucketError>,
    unreadable: &mut Unreadable,
) -> Result<Option<T>, BucketError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_unreadable() => {
            tracing::error!(%error, "passed over by the sweep, which removes no orphan while it is so");
            unreadable.push(key);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The note of the sweeps before. A part that cannot be read begins anew, after a run that trusts nothing.
pub(crate) async fn note(service: &Service, unreadable: &mut Unreadable) -> Result<Note, BucketError> {
    let mut note = Note::new();
    for name in service.bucket.children("catalog/orphans/").await? {
        let Some(byte) = name.strip_suffix(".json").and_then(|hex| u8::from_str_radix(hex, 16).ok()) else { continue };
        let key = DocumentKey::Orphans(byte);
        let read = service.bucket.read_strictly::<Note>(&key).await;
        note.extend(readable(key, read, unreadable)?.flatten().into_iter().flat_map(|part| part.value));
    }
    Ok(note)
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
