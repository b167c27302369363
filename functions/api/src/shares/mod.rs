//! Shares: links with which anybody who has them watches one video.

mod manage;
mod oembed;
mod open;
#[cfg(feature = "openapi")]
mod operations;
mod page;
mod poster;
mod session;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, post},
};
use clipset_core::{Timestamp, id::ShareId, key::DocumentKey, share::Share, video::Video};
use clipset_service::{Problem, Service};

#[cfg(feature = "openapi")]
pub(crate) use operations::operations;

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/videos/{short_id}/shares", get(manage::list).post(manage::share))
        .route("/api/videos/{short_id}/shares/{share_id}", delete(manage::revoke))
        .route("/api/shares/{share_id}/open", post(open::open))
        .route("/api/shares/{share_id}/poster", get(poster::poster))
        .route("/api/oembed", get(oembed::oembed))
        .route("/s/{share_id}", get(page::share_page))
        .route("/embed/{share_id}", get(page::embed_page))
}

/// A share that opens now, and its video.
///
/// # Errors
/// [`Problem`] 404 for one that was revoked, has ended, stands still, or never was; 503.
async fn find(service: &Service, id: &ShareId) -> Result<(Share, Arc<Video>), Problem> {
    let found = service.bucket.read::<Share>(&DocumentKey::Share(id.clone())).await?.map(|found| found.value);
    let share = found.filter(|share| share.is_open(Timestamp::now())).ok_or_else(no_such_share)?;
    let video = service.recent_video(&share.video).await.map_err(|problem| match problem.status().as_u16() {
        404 => no_such_share(),
        _ => problem,
    })?;
    if video.is_deleted() || !service.gate.share_stands(&share.created_by, &video.owner).await? {
        return Err(no_such_share());
    }
    Ok((share, video))
}

fn no_such_share() -> Problem {
    Problem::not_found("This share has ended, or there never was one: ask for a new link.")
}
