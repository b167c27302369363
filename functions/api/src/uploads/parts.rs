//! Parts: which have arrived, and where to put the others.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use clipset_bucket::BucketError;
use clipset_core::{key::MediaKey, video::Phase};
use clipset_service::{Json, PathId, Problem, Service};
use serde::{Deserialize, Serialize};

use super::{KeyQuery, Owned, Uploader, no_such_upload, open, owned, upload_id::UploadId};
use crate::{
    App,
    extract::{Params, TwoIds},
};

/// How long a part may take to begin.
const SIGNATURE_LIFE: Duration = Duration::from_secs(3600);
const MOST_PARTS: i32 = 10_000;
const LARGEST_BATCH: usize = 1000;

/// A part as S3 names it.
#[derive(Serialize)]
pub(crate) struct ListedPart {
    #[serde(rename = "PartNumber")]
    number: i32,
    #[serde(rename = "Size")]
    size: u64,
    #[serde(rename = "ETag")]
    etag: String,
}

/// `GET /api/s3/multipart/{uploadId}`: a bare array.
pub(crate) async fn list(
    State(service): App,
    Uploader(viewer): Uploader,
    PathId(id): PathId<UploadId>,
    Params(query): Params<KeyQuery>,
) -> Result<Json<Vec<ListedPart>>, Problem> {
    let Owned { video, original } = owned(&service, &viewer, &id, &query.key).await?;
    let key = original.ok_or_else(no_such_upload)?;
    match video.phase {
        Phase::Deleted { .. } => Err(no_such_upload()),
        Phase::Uploading => match service.bucket.parts(&key, &id.upload).await {
            Ok(parts) => Ok(Json(
                parts
                    .into_iter()
                    .map(|part| ListedPart { number: part.number, size: part.size, etag: part.etag })
                    .collect(),
            )),
            // Put together a moment ago, and killed before the video knew.
            Err(BucketError::Missing { .. }) => parts_of_whole(&service, &key).await,
            Err(error) => Err(error.into()),
        },
        _ => parts_of_whole(&service, &key).await,
    }
}

/// The parts of an upload that is complete: a client that never got that answer asks for them
/// first, finds that none is missing, and completes again. Their number is all that is known.
async fn parts_of_whole(service: &Service, key: &MediaKey) -> Result<Json<Vec<ListedPart>>, Problem> {
    let whole = service.bucket.whole(key).await?.ok_or_else(no_such_upload)?;
    let numbers = 1..=whole.parts.clamp(1, MOST_PARTS as u32) as i32;
    let part =
        |number| ListedPart { number, size: whole.size / u64::from(whole.parts.max(1)), etag: whole.etag.clone() };
    Ok(Json(numbers.map(part).collect()))
}

/// Where to put one part.
#[derive(Serialize)]
pub(crate) struct Signed {
    url: String,
    /// Seconds.
    expires: u64,
}

/// `GET /api/s3/multipart/{uploadId}/{partNumber}`.
pub(crate) async fn sign(
    State(service): App,
    Uploader(viewer): Uploader,
    TwoIds(id, part): TwoIds<UploadId, String>,
    Params(query): Params<KeyQuery>,
) -> Result<Json<Signed>, Problem> {
    let number = part_number(&part)?;
    let key = open(&service, &viewer, &id, &query.key).await?;
    let url = service.bucket.presign_part(&key, &id.upload, number, SIGNATURE_LIFE).await?;
    Ok(Json(Signed { url, expires: SIGNATURE_LIFE.as_secs() }))
}

#[derive(Deserialize)]
pub(crate) struct BatchQuery {
    key: String,
    #[serde(rename = "partNumbers")]
    part_numbers: String,
}

#[derive(Serialize)]
pub(crate) struct SignedBatch {
    #[serde(rename = "presignedUrls")]
    presigned_urls: BTreeMap<i32, String>,
}

/// `GET /api/s3/multipart/{uploadId}/batch?partNumbers=1,2,3`.
pub(crate) async fn sign_batch(
    State(service): App,
    Uploader(viewer): Uploader,
    PathId(id): PathId<UploadId>,
    Params(query): Params<BatchQuery>,
) -> Result<Json<SignedBatch>, Problem> {
    let numbers: Vec<i32> = query.part_numbers.split(',').map(part_number).collect::<Result<_, _>>()?;
    if numbers.len() > LARGEST_BATCH {
        return Err(Problem::invalid(format!("Ask for at most {LARGEST_BATCH} parts at once.")));
    }
    let key = open(&service, &viewer, &id, &query.key).await?;
    let mut presigned_urls = BTreeMap::new();
    for number in numbers {
        let url = service.bucket.presign_part(&key, &id.upload, number, SIGNATURE_LIFE).await?;
        presigned_urls.insert(number, url);
    }
    Ok(Json(SignedBatch { presigned_urls }))
}

fn part_number(text: &str) -> Result<i32, Problem> {
    let number = text.trim().parse().ok().filter(|number| (1..=MOST_PARTS).contains(number));
    number.ok_or_else(|| Problem::invalid(format!("A part number is from 1 to {MOST_PARTS}.")))
}
