//! The poster of a share, at an address that does not run out before the share does.

use axum::{extract::State, response::Response};
use clipset_core::id::ShareId;
use clipset_service::{PathId, Problem};

use super::{find, no_such_share};
use crate::{App, library::image_redirect};

/// `GET /api/shares/{share_id}/poster`: for shares without a password alone.
pub(crate) async fn poster(State(service): App, PathId(id): PathId<ShareId>) -> Result<Response, Problem> {
    let (share, video) = find(&service, &id).await?;
    if share.password_hash.is_some() {
        return Err(no_such_share());
    }
    image_redirect(&service, video.publication.as_ref(), service.gate.pass_of_share(&share).expires)
}
