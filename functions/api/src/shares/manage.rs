//! Making, listing and revoking the shares of a video.

use axum::extract::State;
use clipset_core::{
    Timestamp,
    id::{ShareId, ShortId, Username},
    key::DocumentKey,
    share::Share,
};
use clipset_service::{Json, PathId, Problem, Service};
use http::StatusCode;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::{
    App,
    accounts::Turn,
    documents::read_all,
    extract::{MaybeJson, Member, TwoIds},
    library::require_manager,
};

const SHORTEST: u64 = 60;
/// Ten years.
const LONGEST: u64 = 10 * 366 * 24 * 3600;
const LONGEST_PASSWORD: usize = 256;

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewShare"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Seconds.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(range(min = SHORTEST, max = LONGEST)))]
    expires_in: Option<u64>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = LONGEST_PASSWORD)))]
    password: Option<String>,
}

/// A share as those see it who may revoke it.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Share"))]
pub(crate) struct ShareView {
    share_id: ShareId,
    url: String,
    created_by: Username,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    has_password: bool,
}

impl ShareView {
    fn new(share: Share, service: &Service) -> Self {
        Self {
            url: format!("{}/s/{}", service.config.public_url, share.share_id),
            share_id: share.share_id,
            created_by: share.created_by,
            created_at: share.created_at,
            expires_at: share.expires_at,
            has_password: share.password_hash.is_some(),
        }
    }
}

/// `POST /api/videos/{short_id}/shares`.
pub(crate) async fn share(
    State(service): App,
    Member(viewer): Member,
    PathId(short_id): PathId<ShortId>,
    MaybeJson(wanted): MaybeJson<Wanted>,
) -> Result<(StatusCode, Json<ShareView>), Problem> {
    require_manager(&viewer, &service.video(&short_id).await?)?;
    if wanted.expires_in.is_some_and(|seconds| !(SHORTEST..=LONGEST).contains(&seconds)) {
        return Err(Problem::invalid("A share lasts from one minute to ten years: give expires_in in seconds."));
    }
    let length = wanted.password.as_ref().map(|password| password.chars().count());
    if length.is_some_and(|length| !(1..=LONGEST_PASSWORD).contains(&length)) {
        return Err(Problem::invalid(format!("A share's password has 1 to {LONGEST_PASSWORD} characters.")));
    }
    let password_hash = match wanted.password {
        Some(password) => Some(Turn::take().await?.hash(password).await?.1),
        None => None,
    };
    let now = Timestamp::now();
    let life = wanted.expires_in.map(|seconds| SignedDuration::from_secs(seconds as i64));
    let share = Share {
        share_id: ShareId::random(&short_id),
        video: short_id,
        created_by: viewer.username,
        created_at: now,
        expires_at: life.and_then(|life| now.checked_add(life).ok()),
        password_hash,
    };
    service.bucket.create(&DocumentKey::Share(share.share_id.clone()), &share).await?;
    Ok((StatusCode::CREATED, Json(ShareView::new(share, &service))))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Shares {
    shares: Vec<ShareView>,
}

/// `GET /api/videos/{short_id}/shares`: those that open now, newest first.
pub(crate) async fn list(
    State(service): App,
    Member(viewer): Member,
    PathId(short_id): PathId<ShortId>,
) -> Result<Json<Shares>, Problem> {
    require_manager(&viewer, &service.video(&short_id).await?)?;
    let keys = service.bucket.keys(&format!("{}{short_id}", DocumentKey::SHARES)).await?;
    let ids = keys.iter().filter_map(|key| DocumentKey::parse(key));
    let found: Vec<Share> = read_all(&service.bucket, ids.collect()).await?;
    let now = Timestamp::now();
    let open = found.into_iter().filter(|share| share.is_open(now));
    let mut shares: Vec<_> = open.map(|share| ShareView::new(share, &service)).collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.created_at));
    Ok(Json(Shares { shares }))
}

/// `DELETE /api/videos/{short_id}/shares/{share_id}`: revokes it.
pub(crate) async fn revoke(
    State(service): App,
    Member(viewer): Member,
    TwoIds(short_id, share_id): TwoIds<ShortId, ShareId>,
) -> Result<StatusCode, Problem> {
    require_manager(&viewer, &service.video(&short_id).await?)?;
    let key = DocumentKey::Share(share_id.clone());
    if share_id.video() != short_id {
        return Err(super::no_such_share());
    }
    match service.bucket.read::<Share>(&key).await {
        Ok(None) => return Err(super::no_such_share()),
        // It may be readable again one day: then it is revoked all the same.
        Err(error) if error.is_unreadable() => {}
        found => drop(found?),
    }
    service.bucket.remove(&key).await?;
    Ok(StatusCode::NO_CONTENT)
}
