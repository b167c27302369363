//! Uploads: the endpoints of Uppy Companion's S3 plugin, as `@uppy/aws-s3` 6 calls them.
//!
//! No byte of a file passes here: the client puts the parts to presigned URLs of the bucket. The
//! `uploadId` that clients get holds the video's short id beside the bucket's own upload id, so that
//! no index from uploads to videos is needed.

mod begin;
mod complete;
mod limits;
mod name;
mod parts;
mod upload_id;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts},
    routing::{get, post},
};
use clipset_core::{
    account::Viewer,
    key::MediaKey,
    video::{Phase, Video},
};
use clipset_service::{Problem, Service};
use http::{header, request::Parts};
use serde::Deserialize;

use crate::{accounts::member_by_cookie, library::require_known};
use upload_id::UploadId;

/// The list of 10,000 parts takes about 650 KiB.
const PARTS_LIMIT: usize = 2 << 20;

pub(crate) fn routes() -> Router<Arc<Service>> {
    let complete = post(complete::complete).layer(DefaultBodyLimit::max(PARTS_LIMIT));
    Router::new()
        .route("/api/s3/multipart", post(begin::begin))
        .route("/api/s3/multipart/{upload_id}", get(parts::list).delete(complete::abort))
        .route("/api/s3/multipart/{upload_id}/batch", get(parts::sign_batch))
        .route("/api/s3/multipart/{upload_id}/complete", complete)
        .route("/api/s3/multipart/{upload_id}/{part}", get(parts::sign))
}

/// Who uploads: by the bearer token, or from a page of ours by the session cookie, for Uppy's client
/// sends no header.
pub(crate) struct Uploader(pub(crate) Viewer);

impl FromRequestParts<Arc<Service>> for Uploader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Problem> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            return service.gate.viewer(&parts.headers).await.map(Self);
        }
        member_by_cookie(service, &parts.headers).await.map(Self)
    }
}

/// `?key=`, which goes with every `uploadId`.
#[derive(Deserialize)]
pub(crate) struct KeyQuery {
    key: String,
}

/// A video, and where its original arrives; nowhere, once that was removed on purpose.
struct Owned {
    video: Video,
    original: Option<MediaKey>,
}

/// The video of an upload, for its owner alone.
///
/// # Errors
/// [`Problem`] 404, 403 for administrators, 503.
async fn owned(service: &Service, viewer: &Viewer, id: &UploadId, key: &str) -> Result<Owned, Problem> {
    let video = service.videos.get(&id.video).await?.map(|found| found.value).ok_or_else(no_such_upload)?;
    if video.owner != viewer.username {
        require_known(viewer, &video).map_err(|_| no_such_upload())?;
        return Err(Problem::forbidden("Only whoever began this upload can go on with it."));
    }
    let original = video.upload.original.map(MediaKey::Original);
    let is_its_key = original.as_ref().is_none_or(|original| original.to_string() == key);
    if video.upload.upload_id == id.upload && is_its_key {
        Ok(Owned { video, original })
    } else {
        Err(no_such_upload())
    }
}

/// The original of an upload that still takes parts.
///
/// # Errors
/// [`Problem`] 404, 403, 409 for one that is complete, 503.
async fn open(service: &Service, viewer: &Viewer, id: &UploadId, key: &str) -> Result<MediaKey, Problem> {
    let Owned { video, original } = owned(service, viewer, id, key).await?;
    match video.phase {
        Phase::Uploading => original.ok_or_else(no_such_upload),
        Phase::Deleted { .. } => Err(no_such_upload()),
        _ => Err(Problem::conflict("This upload is complete already.")),
    }
}

fn no_such_upload() -> Problem {
    Problem::not_found("There is no such upload: begin it again.")
}
