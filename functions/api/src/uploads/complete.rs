//! The end of an upload: put together, or given up.

use std::collections::BTreeMap;

use axum::extract::State;
use clipset_bucket::{BucketError, Part, UpdateError, UploadError};
use clipset_core::{
    id::ShortId,
    key::MediaKey,
    parts::PartPlan,
    video::{Phase, Video},
};
use clipset_service::{Json, PathId, Problem, Service};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    KeyQuery, Owned, Uploader, begin::require_allowed, no_such_upload, note_part, owned, quota, upload_id::UploadId,
};
use crate::{App, extract::Params, library::first_job};

/// The parts that the client sent, as S3 names them.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SentParts"))]
pub(crate) struct Parts {
    parts: Vec<SentPart>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct SentPart {
    #[serde(rename = "PartNumber")]
    number: i32,
    #[serde(rename = "ETag")]
    etag: String,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "CompletedUpload"))]
pub(crate) struct Completed {
    location: String,
    key: String,
    short_id: ShortId,
}

/// `POST /api/s3/multipart/{uploadId}/complete`. Each step may be done twice, so a client whose
/// answer was lost, or whose server was killed in between, completes again and gets the same answer.
pub(crate) async fn complete(
    State(service): App,
    Uploader(viewer): Uploader,
    PathId(id): PathId<UploadId>,
    Params(query): Params<KeyQuery>,
    Json(given): Json<Parts>,
) -> Result<Json<Completed>, Problem> {
    let Owned { video, original } = owned(&service, &viewer, &id, &query.key).await?;
    let short_id = video.short_id.clone();
    if video.phase == Phase::Uploading {
        let key = original.ok_or_else(no_such_upload)?;
        // It does not end for a new one while it is put together.
        note_part(&service, &video).await.or_else(of_twins)?;
        let size = put_together(&service, &video, &key, &given.parts).await?;
        begin_work(&service, &short_id, size).await?;
        settle(&service, &video, size).await?;
    } else if video.is_deleted() {
        return Err(no_such_upload());
    } else if video.phase == Phase::Pending {
        enqueue(&service, &video).await?;
        settle(&service, &video, video.size_bytes.unwrap_or_default()).await?;
    }
    let location = format!("{}/v/{short_id}", service.config.public_url);
    Ok(Json(Completed { location, key: query.key, short_id }))
}

/// `DELETE /api/s3/multipart/{uploadId}`.
pub(crate) async fn abort(
    State(service): App,
    Uploader(viewer): Uploader,
    PathId(id): PathId<UploadId>,
    Params(query): Params<KeyQuery>,
) -> Result<Json<Value>, Problem> {
    let Owned { video, original } = owned(&service, &viewer, &id, &query.key).await?;
    original.ok_or_else(complete_already)?;
    give_up(&service, &video).await?;
    Ok(Json(json!({})))
}

/// Makes the object of the parts; gives its size.
async fn put_together(service: &Service, video: &Video, key: &MediaKey, sent: &[SentPart]) -> Result<u64, Problem> {
    let (short_id, upload_id) = (&video.short_id, &video.upload.upload_id);
    let arrived = match service.bucket.parts(key, upload_id).await {
        Ok(arrived) => arrived,
        Err(BucketError::Missing { .. }) => return completed_before(service, key).await,
        Err(error) => return Err(error.into()),
    };
    let parts = matching(sent, arrived, video.parts.as_ref())?;
    let size = parts.iter().map(|part| part.size).sum();
    if video.parts.is_none() {
        reserve_what_arrived(service, video, size).await?;
    }
    match service.bucket.complete_upload(key, upload_id, &parts).await {
        Ok(()) => Ok(size),
        // Another request was faster, or the store's answer was lost after it had done it.
        Err(UploadError::Missing) => completed_before(service, key).await,
        Err(UploadError::Bucket(error)) => match service.bucket.size(key).await? {
            Some(size) => Ok(size),
            None => Err(error.into()),
        },
        Err(UploadError::Parts(reason)) => {
            tracing::info!(%short_id, reason, "the bucket refused the parts of an upload");
            Err(Problem::invalid(
                "The parts do not make a file: all but the last need at least 5 MiB. Upload it again.",
            ))
        }
    }
}

/// For an upload that was begun before a size had to be said: what arrived counts. Over a limit, it is given up.
async fn reserve_what_arrived(service: &Service, video: &Video, size: u64) -> Result<(), Problem> {
    let original = video.upload.original.ok_or_else(no_such_upload)?;
    let settings = service.settings.current().await?;
    let reserved = match require_allowed(service, size, &settings) {
        Ok(()) => quota::reserve(service, &video.owner, original, size, settings.weekly_upload_limit_bytes.get()).await,
        Err(problem) => Err(problem),
    };
    if reserved.as_ref().is_err_and(|problem| problem.status().is_client_error()) {
        give_up(service, video).await?;
    }
    reserved
}

async fn completed_before(service: &Service, key: &MediaKey) -> Result<u64, Problem> {
    service.bucket.size(key).await?.ok_or_else(no_such_upload)
}

/// The parts that arrived for those that were sent, in order: those of the plan, no more and no fewer, each of its length.
fn matching(sent: &[SentPart], arrived: Vec<Part>, plan: Option<&PartPlan>) -> Result<Vec<Part>, Problem> {
    if sent.is_empty() {
        return Err(Problem::invalid("No part was named: send all of the file, then complete."));
    }
    let bare = |etag: &str| etag.trim_matches('"').to_owned();
    let mut arrived: BTreeMap<i32, Part> = arrived.into_iter().map(|part| (part.number, part)).collect();
    let mut parts = Vec::with_capacity(sent.len());
    for part in sent {
        let found = arrived.remove(&part.number).filter(|found| bare(&found.etag) == bare(&part.etag));
        parts.push(found.ok_or_else(|| {
            Problem::invalid(format!("Part {} did not arrive as it was sent: send it again.", part.number))
        })?);
    }
    parts.sort_by_key(|part| part.number);
    plan.map_or(Ok(()), |plan| require_planned(&parts, plan))?;
    Ok(parts)
}

fn require_planned(parts: &[Part], plan: &PartPlan) -> Result<(), Problem> {
    let mut parts = parts.iter();
    for number in plan.numbers() {
        let length = plan.length(number).unwrap_or_default();
        match parts.next() {
            Some(part) if part.number.unsigned_abs() != number => return Err(missing(number)),
            Some(part) if part.size != length => {
                let sizes = format!("{} bytes instead of {length}", part.size);
                return Err(Problem::invalid(format!("Part {number} has {sizes}: send it again.")));
            }
            Some(_) => {}
            None => return Err(missing(number)),
        }
    }
    match parts.next() {
        Some(part) => Err(Problem::invalid(format!("The file has no part {}: leave it out.", part.number))),
        None => Ok(()),
    }
}

fn missing(number: u32) -> Problem {
    Problem::invalid(format!("Part {number} is missing: send it, then complete."))
}

/// The video waits for its first job. Done before, it stays as it is.
async fn begin_work(service: &Service, short_id: &ShortId, size: u64) -> Result<(), Problem> {
    let job = first_job(short_id, 1)?;
    let updated = service.videos.update(short_id, |video| {
        match video.phase {
            Phase::Uploading => video.complete_upload(size, job.id.clone())?,
            Phase::Deleted { .. } => return Err(no_such_upload()),
            _ => {}
        }
        Ok(())
    });
    let updated = updated.await;
    service.video_changed(short_id);
    match updated {
        Ok(video) if video.phase == Phase::Pending => enqueue(service, &video).await,
        Ok(_) => Ok(()),
        Err(UpdateError::Missing) => Err(no_such_upload()),
        Err(error) => Err(error.into()),
    }
}

/// Makes sure that the first job is in the queue. A retry's own request enqueues its job.
async fn enqueue(service: &Service, video: &Video) -> Result<(), Problem> {
    let job = first_job(&video.short_id, 1)?;
    if video.job.as_ref() == Some(&job.id) {
        service.jobs.enqueue(&job).await?;
    }
    Ok(())
}

/// The video is gone, then its parts; killed in between, the sweep removes them.
async fn give_up(service: &Service, video: &Video) -> Result<(), Problem> {
    let short_id = &video.short_id;
    let updated = service.videos.update(short_id, |video| match video.phase {
        Phase::Uploading | Phase::Deleted { .. } => {
            video.delete(service.bucket.now());
            Ok(())
        }
        _ => Err(complete_already()),
    });
    let updated = updated.await;
    service.video_changed(short_id);
    match updated {
        Ok(_) | Err(UpdateError::Missing) => {}
        Err(error) => return Err(error.into()),
    }
    forget_parts(service, video).await;
    Ok(())
}

/// After its video was deleted: signed addresses lead nowhere, and what was reserved is given back.
pub(super) async fn forget_parts(service: &Service, video: &Video) {
    let Some(original) = video.upload.original else { return };
    if let Err(error) = service.bucket.abort_upload(&MediaKey::Original(original), &video.upload.upload_id).await {
        tracing::warn!(short_id = %video.short_id, %error, "the parts of an upload were left to the sweep");
    }
    quota::release(service, &video.owner, original).await;
}

/// The bytes of a whole upload count for a week.
async fn settle(service: &Service, video: &Video, size: u64) -> Result<(), Problem> {
    match video.upload.original {
        Some(original) => quota::settle(service, &video.owner, original, size).await,
        None => Ok(()),
    }
}

/// Eight requests that complete at once have one winner, and the others its answer.
fn of_twins(problem: Problem) -> Result<(), Problem> {
    if problem.status() == StatusCode::CONFLICT { Ok(()) } else { Err(problem) }
}

fn complete_already() -> Problem {
    Problem::conflict("This upload is complete already: delete the video instead.")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(number: i32, etag: &str) -> SentPart {
        SentPart { number, etag: etag.into() }
    }

    fn arrived(number: i32, etag: &str, size: u64) -> Part {
        Part { number, etag: etag.into(), size, stored_at: None }
    }

    #[test]
    fn parts_match_with_and_without_quotes_in_any_order() {
        let there = vec![arrived(1, "a", 5), arrived(2, "\"b\"", 5), arrived(3, "c", 5)];
        let parts = matching(&[sent(2, "b"), sent(1, "\"a\"")], there, None).expect("they match");
        assert_eq!(parts.iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn missing_other_and_repeated_parts_are_refused() {
        let there = || vec![arrived(1, "a", 5)];
        for sent in [&[][..], &[sent(2, "a")], &[sent(1, "b")], &[sent(1, "a"), sent(1, "a")]] {
            assert_eq!(matching(sent, there(), None).expect_err("refused").status(), 422);
        }
    }

    #[test]
    fn a_file_is_all_of_its_parts_each_of_its_length() {
        const PART: u64 = 5 << 20;
        let plan = PartPlan::new(2 * PART + 7, None).expect("a plan");
        let check = |sizes: &[(i32, u64)]| {
            let sent: Vec<_> = sizes.iter().map(|(number, _)| sent(*number, "e")).collect();
            let there = sizes.iter().map(|(number, size)| arrived(*number, "e", *size)).collect();
            matching(&sent, there, Some(&plan)).map(|parts| parts.len()).map_err(|problem| format!("{problem:?}"))
        };
        assert_eq!(check(&[(3, 7), (1, PART), (2, PART)]), Ok(3));
        for (sizes, told) in [
            (&[(1, PART), (2, PART)][..], "Part 3 is missing"),
            (&[(1, PART), (3, 7)], "Part 2 is missing"),
            (&[(1, PART), (2, PART), (3, 8)], "Part 3 has 8 bytes instead of 7"),
            (&[(1, PART + 1), (2, PART - 1), (3, 7)], "Part 1 has 5242881 bytes instead of 5242880"),
            (&[(1, PART), (2, PART), (3, 7), (4, 1)], "no part 4"),
        ] {
            let refused = check(sizes).expect_err(told);
            assert!(refused.contains(told), "{refused}");
        }
    }
}
