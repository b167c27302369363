//! The end of an upload: put together, or given up.

use std::collections::BTreeMap;

use axum::extract::State;
use clipset_bucket::{BucketError, Part, UpdateError, UploadError};
use clipset_core::{
    Timestamp,
    account::Viewer,
    id::ShortId,
    key::MediaKey,
    video::{Phase, Video},
};
use clipset_service::{Json, PathId, Problem, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{KeyQuery, Owned, Uploader, limits::require_allowed_size, no_such_upload, owned, upload_id::UploadId};
use crate::{App, extract::Params, library::first_job};

/// The parts that the client sent, as S3 names them.
#[derive(Deserialize)]
pub(crate) struct Parts {
    parts: Vec<SentPart>,
}

#[derive(Deserialize)]
struct SentPart {
    #[serde(rename = "PartNumber")]
    number: i32,
    #[serde(rename = "ETag")]
    etag: String,
}

#[derive(Serialize)]
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
        let size = put_together(&service, &viewer, &short_id, &key, &id.upload, &given.parts).await?;
        begin_work(&service, &short_id, size).await?;
    } else if video.is_deleted() {
        return Err(no_such_upload());
    } else if video.phase == Phase::Pending {
        enqueue(&service, &video).await?;
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
    let key = original.ok_or_else(complete_already)?;
    give_up(&service, &video.short_id, &key, &id.upload).await?;
    Ok(Json(json!({})))
}

/// Makes the object of the parts; gives its size.
async fn put_together(
    service: &Service,
    viewer: &Viewer,
    short_id: &ShortId,
    key: &MediaKey,
    upload_id: &str,
    sent: &[SentPart],
) -> Result<u64, Problem> {
    let arrived = match service.bucket.parts(key, upload_id).await {
        Ok(arrived) => arrived,
        Err(BucketError::Missing { .. }) => return completed_before(service, key).await,
        Err(error) => return Err(error.into()),
    };
    let parts = matching(sent, arrived)?;
    let size = parts.iter().map(|part| part.size).sum();
    if let Err(problem) = require_allowed_size(service, viewer, size).await {
        if problem.status().is_client_error() {
            give_up(service, short_id, key, upload_id).await?;
        }
        return Err(problem);
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

async fn completed_before(service: &Service, key: &MediaKey) -> Result<u64, Problem> {
    service.bucket.size(key).await?.ok_or_else(no_such_upload)
}

/// The parts that arrived for those that were sent, in order.
fn matching(sent: &[SentPart], arrived: Vec<Part>) -> Result<Vec<Part>, Problem> {
    if sent.is_empty() {
        return Err(Problem::invalid("The file is empty: choose another one."));
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
    Ok(parts)
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
async fn give_up(service: &Service, short_id: &ShortId, key: &MediaKey, upload_id: &str) -> Result<(), Problem> {
    let updated = service.videos.update(short_id, |video| match video.phase {
        Phase::Uploading | Phase::Deleted { .. } => {
            video.delete(Timestamp::now());
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
    if let Err(error) = service.bucket.abort_upload(key, upload_id).await {
        tracing::warn!(%short_id, %error, "the parts of an upload were left to the sweep");
    }
    Ok(())
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

    fn arrived(number: i32, etag: &str) -> Part {
        Part { number, etag: etag.into(), size: 5 }
    }

    #[test]
    fn parts_match_with_and_without_quotes_in_any_order() {
        let parts =
            matching(&[sent(2, "b"), sent(1, "\"a\"")], vec![arrived(1, "a"), arrived(2, "\"b\""), arrived(3, "c")]);
        assert_eq!(parts.expect("they match").iter().map(|part| part.number).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn missing_other_and_repeated_parts_are_refused() {
        let there = || vec![arrived(1, "a")];
        for sent in [&[][..], &[sent(2, "a")], &[sent(1, "b")], &[sent(1, "a"), sent(1, "a")]] {
            assert_eq!(matching(sent, there()).expect_err("refused").status(), 422);
        }
    }
}
