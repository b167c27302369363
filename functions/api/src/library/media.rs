//! The ways to media: redirects to URLs that the edge checks.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use clipset_core::{Timestamp, id::ShortId, key::MediaKey, video::Publication};
use clipset_service::{PathId, Problem, Service, TokenQuery, Watcher};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{require_manager, storyboard};
use crate::{App, NO_STORE, extract::Params};

/// How long the link to an original is good; a download that began goes on.
const DOWNLOAD_LIFE: Duration = Duration::from_secs(3600);

/// `GET /api/videos/{short_id}/stream`.
pub(crate) async fn stream(
    State(service): App,
    PathId(short_id): PathId<ShortId>,
    Params(query): Params<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (watcher, publication) = watch(&service, &short_id, &query, &headers).await?;
    let progressive = publication.and_then(|publication| publication.progressive);
    let id =
        progressive.ok_or_else(|| Problem::not_found("There is no single file of this video: play its HLS stream."))?;
    Ok(redirect(&service, &MediaKey::Progressive(id), watcher.expires()))
}

/// `GET /api/videos/{short_id}/poster`.
pub(crate) async fn poster(
    State(service): App,
    PathId(short_id): PathId<ShortId>,
    Params(query): Params<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (watcher, publication) = watch(&service, &short_id, &query, &headers).await?;
    image_redirect(&service, publication.as_ref(), watcher.expires())
}

/// `GET /api/videos/{short_id}/storyboard.vtt`: the index, its sprites signed.
pub(crate) async fn storyboard(
    State(service): App,
    PathId(short_id): PathId<ShortId>,
    Params(query): Params<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let missing = || Problem::not_found("There is no storyboard of this video yet.");
    let (watcher, publication) = watch(&service, &short_id, &query, &headers).await?;
    let id = publication.and_then(|publication| publication.storyboard).ok_or_else(missing)?;
    let index = service.bucket.read_text(&MediaKey::Storyboard(id, storyboard::INDEX.to_owned())).await?;
    let secrets = service.secrets();
    let signed = storyboard::signed(&index.ok_or_else(missing)?, |sprite| {
        secrets.signing_secret.signed_url(&MediaKey::Storyboard(id, sprite.to_owned()).path(), watcher.expires())
    });
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("text/vtt; charset=utf-8"));
    Ok((kept_for_a_quarter(watcher.expires()), [content_type], signed).into_response())
}

/// `GET /api/videos/{short_id}/original`: a download under the name that the file had.
pub(crate) async fn original(
    State(service): App,
    PathId(short_id): PathId<ShortId>,
    Params(query): Params<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let watcher = service.gate.watcher(&headers, &query, &short_id).await?;
    let video = service.video(&short_id).await?;
    service.gate.require_may_watch(&watcher, &video).await?;
    match watcher.member() {
        Some(viewer) => require_manager(viewer, &video)?,
        None => return Err(Problem::forbidden("Only its owner or an administrator can download it.")),
    }
    let missing = || Problem::not_found("The original is not there: it is still arriving, or was removed.");
    let key = MediaKey::Original(video.upload.original.ok_or_else(missing)?);
    service.bucket.size(&key).await?.ok_or_else(missing)?;
    let url = service.bucket.presign_download(&key, &video.upload.file_name, DOWNLOAD_LIFE).await?;
    Ok(found(&url, NO_STORE))
}

/// A redirect to the poster, if there is one, signed until `expires` (unix seconds).
///
/// # Errors
/// [`Problem`] 404.
pub(crate) fn image_redirect(
    service: &Service,
    publication: Option<&Publication>,
    expires: u64,
) -> Result<Response, Problem> {
    let poster = publication.and_then(|publication| publication.poster);
    let id = poster.ok_or_else(|| Problem::not_found("There is no poster of this video yet."))?;
    Ok(redirect(service, &MediaKey::Poster(id), expires))
}

/// A redirect to a URL that is signed until `expires` (unix seconds).
fn redirect(service: &Service, key: &MediaKey, expires: u64) -> Response {
    found(&service.signing_secret().signed_url(&key.path(), expires), kept_for_a_quarter(expires))
}

async fn watch(
    service: &Service,
    short_id: &ShortId,
    query: &TokenQuery,
    headers: &HeaderMap,
) -> Result<(Watcher, Option<Publication>), Problem> {
    let watcher = service.gate.watcher(headers, query, short_id).await?;
    let video = service.recent_video(short_id).await?;
    service.gate.require_may_watch(&watcher, &video).await?;
    Ok((watcher, video.publication.clone()))
}

/// At most a quarter of the signature's life, so that what a browser keeps is good for a while.
fn kept_for_a_quarter(expires: u64) -> [(header::HeaderName, HeaderValue); 1] {
    let left = expires.saturating_sub(Timestamp::now().as_second().max(0) as u64);
    let policy = match (left / 4).min(3600) {
        0 => HeaderValue::from_static("no-store"),
        seconds => HeaderValue::try_from(format!("private, max-age={seconds}")).expect("digits"),
    };
    [(header::CACHE_CONTROL, policy)]
}

fn found(url: &str, headers: [(header::HeaderName, HeaderValue); 1]) -> Response {
    let mut response = (StatusCode::TEMPORARY_REDIRECT, headers).into_response();
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Authorization"));
    if let Ok(url) = HeaderValue::from_str(url) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}
