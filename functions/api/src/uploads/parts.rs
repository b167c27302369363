//! Parts: which have arrived, and where to put the others.

use std::{collections::BTreeMap, time::Duration};

use axum::extract::State;
use clipset_bucket::BucketError;
use clipset_core::{
    key::MediaKey,
    parts::MOST_PARTS,
    video::{Phase, Video},
};
use clipset_service::{Json, PathId, Problem, Service};
use serde::{Deserialize, Serialize};

use super::{KeyQuery, Owned, Uploader, no_such_upload, note_part, open, owned, upload_id::UploadId};
use crate::{
    App,
    extract::{Params, TwoIds},
};

/// How long a part may take to begin.
const SIGNATURE_LIFE: Duration = Duration::from_secs(3600);
const LARGEST_BATCH: usize = 1000;

/// A part as S3 names it.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct ListedPart {
    #[serde(rename = "PartNumber")]
    number: u32,
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
                    .map(|part| ListedPart { number: part.number.unsigned_abs(), size: part.size, etag: part.etag })
                    .collect(),
            )),
            // Put together a moment ago, and killed before the video knew.
            Err(BucketError::Missing { .. }) => parts_of_whole(&service, &video, &key).await,
            Err(error) => Err(error.into()),
        },
        _ => parts_of_whole(&service, &video, &key).await,
    }
}

/// The parts of an upload that is complete: a client that never got that answer asks for them first, finds that none is
/// missing, and completes again. Of one that was begun before parts were bound, their number is all that is known.
async fn parts_of_whole(service: &Service, video: &Video, key: &MediaKey) -> Result<Json<Vec<ListedPart>>, Problem> {
    let whole = service.bucket.whole(key).await?.ok_or_else(no_such_upload)?;
    let part = |number, size| ListedPart { number, size, etag: whole.etag.clone() };
    let parts = match video.parts {
        Some(plan) => plan.numbers().map(|number| part(number, plan.length(number).unwrap_or_default())).collect(),
        None => {
            let count = whole.parts.clamp(1, MOST_PARTS as u32);
            (1..=count).map(|number| part(number, whole.size / u64::from(count))).collect()
        }
    };
    Ok(Json(parts))
}

/// Where to put one part.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SignedPart"))]
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
    let (video, key) = open(&service, &viewer, &id, &query.key).await?;
    let url = sign_part(&service, &video, &key, number).await?;
    note_part(&service, &video).await?;
    Ok(Json(Signed { url, expires: SIGNATURE_LIFE.as_secs() }))
}

/// Bound to the length that the part has.
async fn sign_part(service: &Service, video: &Video, key: &MediaKey, number: u32) -> Result<String, Problem> {
    let length = match video.parts {
        Some(plan) => Some(plan.length(number).ok_or_else(|| {
            Problem::invalid(format!("This file has {} parts of {} bytes.", plan.count(), plan.part_size))
        })?),
        None => None,
    };
    let number = i32::try_from(number).map_err(|_| no_such_upload())?;
    Ok(service.bucket.presign_part(key, &video.upload.upload_id, number, length, SIGNATURE_LIFE).await?)
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "BatchQuery"))]
pub(crate) struct BatchQuery {
    key: String,
    #[serde(rename = "partNumbers")]
    part_numbers: String,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SignedParts"))]
pub(crate) struct SignedBatch {
    #[serde(rename = "presignedUrls")]
    presigned_urls: BTreeMap<u32, String>,
}

/// `GET /api/s3/multipart/{uploadId}/batch?partNumbers=1,2,3`.
pub(crate) async fn sign_batch(
    State(service): App,
    Uploader(viewer): Uploader,
    PathId(id): PathId<UploadId>,
    Params(query): Params<BatchQuery>,
) -> Result<Json<SignedBatch>, Problem> {
    let numbers: Vec<u32> = query.part_numbers.split(',').map(part_number).collect::<Result<_, _>>()?;
    if numbers.len() > LARGEST_BATCH {
        return Err(Problem::invalid(format!("Ask for at most {LARGEST_BATCH} parts at once.")));
    }
    let (video, key) = open(&service, &viewer, &id, &query.key).await?;
    let mut presigned_urls = BTreeMap::new();
    for number in numbers {
        presigned_urls.insert(number, sign_part(&service, &video, &key, number).await?);
    }
    note_part(&service, &video).await?;
    Ok(Json(SignedBatch { presigned_urls }))
}

fn part_number(text: &str) -> Result<u32, Problem> {
    let number = text.trim().parse().ok().filter(|number| (1..=MOST_PARTS).contains(&u64::from(*number)));
    number.ok_or_else(|| Problem::invalid(format!("A part number is from 1 to {MOST_PARTS}.")))
}
