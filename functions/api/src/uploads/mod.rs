//! Uploads: the endpoints of Uppy Companion's S3 plugin, as `@uppy/aws-s3` 6 calls them.
//!
//! No byte of a file passes here: the client puts the parts to presigned URLs of the bucket. The
//! `uploadId` that clients get holds the video's short id beside the bucket's own upload id, so that
//! no index from uploads to videos is needed.

mod begin;
mod complete;
mod name;
#[cfg(feature = "openapi")]
mod operations;
mod parts;
mod quota;
mod room;
mod upload_id;

use std::sync::Arc;

use axum::{
    Router,
    extract::FromRequestParts,
    routing::{get, post},
};
use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    account::Viewer,
    key::MediaKey,
    video::{Phase, Video, VideoError},
};
use clipset_service::{Problem, Service};
use http::{header, request::Parts};
use serde::Deserialize;

use crate::{accounts::member_by_cookie, library::require_known};
#[cfg(feature = "openapi")]
pub(crate) use operations::operations;
pub(crate) use quota::release;
use upload_id::UploadId;

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/s3/multipart", post(begin::begin))
        .route("/api/s3/multipart/{upload_id}", get(parts::list).delete(complete::abort))
        .route("/api/s3/multipart/{upload_id}/batch", get(parts::sign_batch))
        .route("/api/s3/multipart/{upload_id}/complete", post(complete::complete))
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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

/// An upload that still takes parts, and where its original arrives.
///
/// # Errors
/// [`Problem`] 404, 403, 409 for one that is complete, 503.
async fn open(service: &Service, viewer: &Viewer, id: &UploadId, key: &str) -> Result<(Video, MediaKey), Problem> {
    let Owned { video, original } = owned(service, viewer, id, key).await?;
    match video.phase {
        Phase::Uploading => Ok((video, original.ok_or_else(no_such_upload)?)),
        Phase::Deleted { .. } => Err(no_such_upload()),
        _ => Err(Problem::conflict("This upload is complete already.")),
    }
}

/// Notes that the upload is not silent; most often that stands there already.
///
/// # Errors
/// [`Problem`] 404 if it ended meanwhile, 409 if it was completed, 503.
async fn note_part(service: &Service, video: &Video) -> Result<(), Problem> {
    let now = Timestamp::now();
    if !video.wants_note(now) {
        return Ok(());
    }
    match service.videos.note_part(&video.short_id, now).await {
        Ok(()) => Ok(()),
        Err(UpdateError::Missing) => Err(no_such_upload()),
        Err(UpdateError::Refused(VideoError::WrongPhase { phase: "deleted", .. })) => Err(no_such_upload()),
        Err(error) => Err(error.into()),
    }
}

fn no_such_upload() -> Problem {
    Problem::not_found("There is no such upload: begin it again.")
}
