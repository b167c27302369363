//! The library: the list, one video, and the ways to its media.

mod change;
mod list;
mod media;
#[cfg(feature = "openapi")]
mod operations;
mod storyboard;
mod view;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use clipset_core::{
    Timestamp,
    account::Viewer,
    id::ShortId,
    job::{Job, JobKind},
    listing::may_know,
    video::Video,
};
use clipset_service::{Problem, Service};

pub(crate) use change::clean_title;
pub(crate) use media::image_redirect;
#[cfg(feature = "openapi")]
pub(crate) use operations::operations;
pub(crate) use view::{format_name, work};

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/videos", get(list::list))
        .route("/api/videos/{short_id}", get(list::one).patch(change::change).delete(change::delete))
        .route("/api/videos/{short_id}/retry", post(change::retry))
        .route("/api/videos/{short_id}/stream", get(media::stream))
        .route("/api/videos/{short_id}/poster", get(media::poster))
        .route("/api/videos/{short_id}/storyboard.vtt", get(media::storyboard))
        .route("/api/videos/{short_id}/original", get(media::original))
}

/// 404 unless `viewer` may know of the video.
///
/// # Errors
/// [`Problem`] 404.
pub(crate) fn require_known(viewer: &Viewer, video: &Video) -> Result<(), Problem> {
    if may_know(viewer, &video.owner, video.visibility, &video.phase) { Ok(()) } else { Err(Problem::no_such_video()) }
}

/// 404 unless `viewer` may know of the video, 403 unless they may change it.
///
/// # Errors
/// [`Problem`] 404, 403.
pub(crate) fn require_manager(viewer: &Viewer, video: &Video) -> Result<(), Problem> {
    require_known(viewer, video)?;
    if viewer.may_manage(&video.owner) {
        Ok(())
    } else {
        Err(Problem::forbidden("Only its owner or an administrator can do this."))
    }
}

/// The job that publishes an upload for the first time, on the try of this number.
///
/// # Errors
/// [`Problem`] 409 after a billion tries.
pub(crate) fn first_job(video: &ShortId, number: u32) -> Result<Job, Problem> {
    Job::new(video.clone(), JobKind::First, number, Timestamp::now())
        .map_err(|_| Problem::conflict("This was tried too often: upload the clip again."))
}
