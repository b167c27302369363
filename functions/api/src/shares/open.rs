//! Opening a share: a token for its video alone.

use std::net::IpAddr;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use clipset_core::{
    Timestamp,
    id::{ShareId, ShortId},
    listing::Entry,
    share::Share,
    video::Video,
};
use clipset_service::{Json, PathId, Problem, Service, TokenQuery};
use clipset_stream_info::StreamInfo;
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};

use super::{find, session};
use crate::{
    App, NO_STORE,
    extract::{ClientAddress, MaybeJson},
    library::{format_name, work},
    throttle::{Attempt, Guesser, Lock},
};

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SharePassword"))]
pub(crate) struct Key {
    #[serde(default)]
    password: Option<String>,
}

/// What a stranger sees of a video: neither its owner nor what the owner wrote for the circle.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct SharedVideo {
    short_id: ShortId,
    title: String,
    duration_seconds: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["hls", "progressive", "unknown"])))]
    format: &'static str,
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["uploading", "pending", "processing", "completed", "failed"])))]
    processing_status: &'static str,
    progress: f64,
    has_poster: bool,
    has_storyboard: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "OpenedShare"))]
pub(super) struct Opened {
    token: String,
    /// Unix seconds; for a token that ends later, open the share again before.
    expires: u64,
    video: SharedVideo,
}

impl Opened {
    /// For whoever may open it.
    pub(super) async fn new(service: &Service, share: &Share, video: &Video) -> Result<Self, Problem> {
        let pass = service.gate.pass_of_share(share);
        let token = service.tokens.playback(&video.short_id, &pass);
        Ok(Self { token, expires: pass.expires, video: shared(service, video).await? })
    }
}

/// What the page of a share holds for its player, so that nothing need be asked for again.
#[derive(Serialize)]
pub(super) struct Inline {
    /// Unix milliseconds, by the clock that `expires` goes by.
    at: i64,
    opened: Opened,
    stream_info: StreamInfo,
}

impl Inline {
    /// `None` for a share with a password, and where there is trouble: then the player asks.
    pub(super) async fn of(service: &Service, share: &Share, video: &Video) -> Option<Self> {
        if share.password_hash.is_some() {
            return None;
        }
        let opened = Opened::new(service, share, video).await.ok()?;
        let token = TokenQuery { token: Some(opened.token.clone()) };
        let told = clipset_stream_info::told(service, &HeaderMap::new(), &token, &video.short_id).await;
        Some(Self { at: Timestamp::now().as_millisecond(), opened, stream_info: told.ok()? })
    }
}

/// `POST /api/shares/{share_id}/open`: by the password, if it has one, or by the session that it gave this browser.
pub(crate) async fn open(
    State(service): App,
    PathId(id): PathId<ShareId>,
    headers: HeaderMap,
    ClientAddress(address): ClientAddress,
    MaybeJson(key): MaybeJson<Key>,
) -> Result<Response, Problem> {
    let (share, video) = find(&service, &id).await?;
    let mut cookie = None;
    if let Some(hash) = &share.password_hash
        && !session::is_open(&service, &share, hash, &headers)
    {
        let wanted = || Problem::forbidden("This share asks for its password.").with("password_required", true);
        require_password(&service, &share, key.password.ok_or_else(wanted)?, address).await?;
        cookie = session::cookie(&service, &share, hash);
    }
    let opened = Opened::new(&service, &share, &video).await?;
    let mut response = (NO_STORE, Json(opened)).into_response();
    if let Some(cookie) = cookie {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// 403 unless `password` is the share's; wrong ones cost time.
async fn require_password(
    service: &Service,
    share: &Share,
    password: String,
    address: Option<IpAddr>,
) -> Result<(), Problem> {
    let guesser = Guesser::Stranger(Some(Lock::Share(&share.share_id)), address);
    let (turn, attempt) = Attempt::begin(&service.bucket, guesser).await?;
    let (_turn, good) = turn.verify(password, share.password_hash.clone()).await?;
    if good {
        attempt.succeeded().await
    } else {
        Err(Problem::forbidden("The password is wrong.").with("password_required", true))
    }
}

async fn shared(service: &Service, video: &Video) -> Result<SharedVideo, Problem> {
    let published = Entry::from(video).published;
    let work = work(service, &video.phase, video.job.as_ref()).await?;
    let storyboard = video.publication.as_ref().and_then(|publication| publication.storyboard);
    Ok(SharedVideo {
        short_id: video.short_id.clone(),
        title: video.title.clone(),
        duration_seconds: published.as_ref().map(|published| published.duration_seconds),
        width: published.as_ref().map(|published| published.width),
        height: published.as_ref().map(|published| published.height),
        format: format_name(published.as_ref()),
        processing_status: work.phase.name(),
        progress: work.progress,
        has_poster: published.is_some_and(|published| published.poster),
        has_storyboard: storyboard.is_some(),
    })
}
