//! The queue of looks: clips that were deleted, whose old encodes have run out, or that are on their way for long.
//!
//! A look stands in the bucket before the change that makes it necessary, and goes when it has been taken and the next one
//! is noted, so a kill at any line leaves one too many and none too few.

use std::{collections::BTreeSet, time::Instant};

use clipset_bucket::{BucketError, Look};
use clipset_core::{Timestamp, key::DocumentKey};
use clipset_service::Service;
use jiff::SignedDuration;

use crate::{
    look::Unreadable,
    plan::{Snapshot, abandoned},
    step::Bounds,
    sweep::{Swept, do_all},
    tend::{Round, tend},
};

/// Clips that are read together.
const CHUNK: usize = 32;

/// A look may be noted so long before the document says why: until then it is taken again if it found nothing.
const NOTED_BEFORE: SignedDuration = SignedDuration::from_mins(15);

/// A clip whose document cannot be read is looked at again after this time.
const UNREADABLE_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Takes the looks that are due, within `bounds`: what is deleted goes with all that is its own, and so does what was
/// superseded and what jobs left behind.
///
/// # Errors
/// [`BucketError`]; the next run goes on from there.
pub async fn work_due(service: &Service, bounds: &Bounds) -> Result<Swept, BucketError> {
    let round = Round::begin(service, service.bucket.time().await?).await?;
    take_looks(service, &round, bounds).await
}

pub(crate) async fn take_looks(service: &Service, round: &Round, bounds: &Bounds) -> Result<Swept, BucketError> {
    let until = Instant::now() + bounds.patience;
    let due = service.videos.due(round.now, bounds.looks).await?;
    let mut swept = Swept::default();
    for chunk in due.chunks(CHUNK) {
        if Instant::now() > until {
            tracing::warn!(waiting = due.len(), "more is due than one run does; the next one goes on");
            return Ok(swept);
        }
        let clips: BTreeSet<_> = chunk.iter().map(|look| look.clip.clone()).collect();
        let found = service.videos.some(clips).await?;
        let mut unreadable = Unreadable::new();
        swept += tend(service, round, found.videos, &mut unreadable).await?;
        for look in chunk {
            note_next(service, look, round.now).await?;
        }
    }
    swept += remove_leftovers(service, round, bounds).await?;
    Ok(swept)
}

async fn note_next(service: &Service, look: &Look, now: Timestamp) -> Result<(), BucketError> {
    let next = match service.videos.get(&look.clip).await {
        Ok(None) => None,
        Ok(Some(found)) => {
            let next = found.value.next_look(now);
            if next.is_none() && look.at + NOTED_BEFORE.as_secs() > now.as_second() {
                return Ok(());
            }
            next
        }
        Err(error) if error.is_unreadable() => Some((now + UNREADABLE_FOR).as_second()),
        Err(error) => return Err(error),
    };
    service.videos.looked(look, next).await
}

/// What jobs abandoned, as far as their videos can say what of it they took.
async fn remove_leftovers(service: &Service, round: &Round, bounds: &Bounds) -> Result<Swept, BucketError> {
    let jobs = service.jobs.left(bounds.looks).await?;
    if jobs.is_empty() {
        return Ok(Swept::default());
    }
    let found = service.videos.some(jobs.iter().map(|job| job.video.clone()).collect()).await?;
    let seen = Snapshot {
        videos: found.videos,
        jobs,
        unreadable: found.unreadable.into_iter().map(DocumentKey::Video).collect(),
        set_aside: round.set_aside.clone(),
        ..Snapshot::blank(round.now, round.settings.clone())
    };
    do_all(service, abandoned(&seen)).await
}
