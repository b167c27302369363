//! Room for one more open upload: at the limit, the one that was silent longest ends for it.

use std::cmp::Ordering;

use clipset_bucket::{BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    id::{ShortId, Username},
    key::MediaKey,
    quota::Charge,
    video::{MOST_OPEN_UPLOADS, Phase, SILENT_AFTER, Video},
};
use clipset_service::{Problem, Service};
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{StatusCode, header};
use jiff::SignedDuration;

use super::{begin::New, complete::forget_parts, quota};

/// Each ends one upload, or finds that another request did.
const TRIES: usize = 3 * MOST_OPEN_UPLOADS;

/// A reservation is older than its video's document by moments.
const WITHOUT_VIDEO: SignedDuration = SignedDuration::from_hours(1);

const PARALLEL_READS: usize = 8;

/// Opens an upload for the video `short_id` and reserves its bytes.
///
/// # Errors
/// [`Problem`] 413 for more bytes than a week allows, 429 if as many are open as may be and none was silent, 503.
pub(super) async fn reserve(service: &Service, new: &New, short_id: &ShortId) -> Result<(), Problem> {
    for _ in 0..TRIES {
        match quota::begin(service, new, short_id).await? {
            None => return Ok(()),
            Some(open) => end_most_silent(service, &new.owner, open).await?,
        }
    }
    Err(too_many(SignedDuration::from_secs(10)))
}

/// # Errors
/// [`Problem`] 429 if none was silent for an hour, 503.
async fn end_most_silent(service: &Service, owner: &Username, open: Vec<Charge>) -> Result<(), Problem> {
    let now = Timestamp::now();
    let reads = open.into_iter().map(|charge| async move {
        let video = match &charge.video {
            Some(video) => service.videos.get(video).await,
            None => return Ok(None),
        };
        match video {
            Ok(video) => Ok(Some((charge, video.map(|found| found.value)))),
            // What cannot be read counts as open.
            Err(error) if error.is_unreadable() => Ok(None),
            Err(error) => Err(error),
        }
    });
    let found: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await?;
    let mut uploads = Vec::new();
    for (charge, video) in found.into_iter().flatten() {
        match video.filter(|video| video.upload.original == Some(charge.upload)) {
            Some(video) if video.phase == Phase::Uploading => uploads.push(video),
            Some(video) if video.is_deleted() => {
                quota::release(service, owner, charge.upload).await;
                return Ok(());
            }
            // Complete, and killed before that was noted.
            Some(video) => {
                return quota::settle(service, owner, charge.upload, video.size_bytes.unwrap_or(charge.bytes)).await;
            }
            None if charge.at + WITHOUT_VIDEO < now => {
                quota::release(service, owner, charge.upload).await;
                return Ok(());
            }
            None => {}
        }
    }
    uploads.sort_by_key(Video::silent_since);
    let mut wait = SILENT_AFTER;
    for video in uploads {
        let silent_for = now.duration_since(silent_since(service, &video).await?);
        match silent_for.cmp(&SILENT_AFTER) {
            Ordering::Less => wait = wait.min(SILENT_AFTER - silent_for),
            _ => return end(service, &video).await,
        }
    }
    Err(too_many(wait))
}

/// When the last part was signed or stored. Nothing is asked of the store for one that was signed just now.
async fn silent_since(service: &Service, video: &Video) -> Result<Timestamp, BucketError> {
    let signed = video.silent_since();
    let Some(original) = video.upload.original.filter(|_| signed + SILENT_AFTER <= Timestamp::now()) else {
        return Ok(signed);
    };
    let key = MediaKey::Original(original);
    match service.bucket.last_part_at(&key, &video.upload.upload_id).await {
        Ok(stored) => Ok(stored.map_or(signed, |stored| stored.max(signed))),
        // Put together a moment ago, unless there is nothing at all.
        Err(BucketError::Missing { .. }) => {
            Ok(if service.bucket.size(&key).await?.is_some() { Timestamp::now() } else { signed })
        }
        Err(error) => Err(error),
    }
}

/// Ends a silent upload, unless its owner went on with it meanwhile.
async fn end(service: &Service, silent: &Video) -> Result<(), Problem> {
    let id = &silent.short_id;
    let deleted = service.videos.update(id, |video| {
        if video.phase == Phase::Uploading && video.silent_since() == silent.silent_since() {
            video.delete(service.bucket.now());
        }
        Ok::<_, std::convert::Infallible>(())
    });
    let deleted = deleted.await;
    service.video_changed(id);
    match deleted {
        Ok(video) if video.is_deleted() => {
            tracing::info!(short_id = %id, "a silent upload ended for a new one of its owner");
            forget_parts(service, &video).await;
            Ok(())
        }
        Ok(_) | Err(UpdateError::Missing) => Ok(()),
        Err(UpdateError::Bucket(error)) => Err(error.into()),
        Err(UpdateError::Refused(never)) => match never {},
    }
}

fn too_many(wait: SignedDuration) -> Problem {
    let detail = format!(
        "You have {MOST_OPEN_UPLOADS} uploads open, and none of them was silent for an hour: let one end, or give one up."
    );
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
        .with_header(header::RETRY_AFTER, &wait.as_secs().max(1).to_string())
}
