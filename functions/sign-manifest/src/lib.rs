//! `GET /api/videos/{short_id}/hls/…`: playlists in which every URL is signed.
//!
//! A stored playlist never changes under its uuid, and all signatures of one step share their end,
//! so a signed playlist is made once a step and then served from memory.

mod manifests;
mod signed;

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::{Path, Query, State},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use clipset_core::{
    Timestamp,
    id::{RenditionName, ShortId},
    playlist::CONTENT_TYPE,
    video::Video,
};
use clipset_service::{Problem, Service, TokenQuery, Watcher, Work, never_sniffed};
use http::{HeaderMap, HeaderValue, header};

use crate::{
    manifests::{Manifests, Wanted},
    signed::Signed,
};

/// The function's two routes.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/api/videos/{short_id}/hls/master.m3u8", get(master))
        .route("/api/videos/{short_id}/hls/{rendition}/playlist.m3u8", get(rendition))
        .layer(map_response(never_sniffed))
        .with_state(Arc::new(Manifests::new(service)))
}

async fn master(
    State(manifests): State<Arc<Manifests>>,
    Path(short_id): Path<String>,
    Query(token): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    answer(&manifests, &short_id, None, &token, &headers).await
}

async fn rendition(
    State(manifests): State<Arc<Manifests>>,
    Path((short_id, rendition)): Path<(String, String)>,
    Query(token): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rendition: RenditionName = rendition.parse().map_err(|_| Problem::no_such_video())?;
    answer(&manifests, &short_id, Some(rendition), &token, &headers).await
}

async fn answer(
    manifests: &Manifests,
    short_id: &str,
    rendition: Option<RenditionName>,
    token: &TokenQuery,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let service = manifests.service();
    let short_id = ShortId::of_predecessor(short_id).ok_or_else(Problem::no_such_video)?;
    // Both at once: at most two reads in sequence on this path. A token that is none costs no read.
    let watcher = service.gate.watcher(headers, token, &short_id);
    let (watcher, video) = tokio::try_join!(biased; watcher, async { Ok(service.recent_video(&short_id).await) })?;
    let video = video?;
    let signed = signed(manifests, &watcher, &video, rendition);
    let ((), (signed, work)) = tokio::try_join!(biased; service.gate.require_may_watch(&watcher, &video), signed)?;

    let (body, encoding) = signed.body(accepts_gzip(headers));
    let left = watcher.expires().saturating_sub(Timestamp::now().as_second().max(0) as u64);
    let max_age = service.config.signature_life.max_age().min(left / 4);
    let mut response = (Extension(work), body).into_response();
    let answer = response.headers_mut();
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    answer.insert(header::VARY, HeaderValue::from_static("accept-encoding, authorization"));
    let cache_control = HeaderValue::try_from(format!("private, max-age={max_age}")).expect("digits");
    answer.insert(header::CACHE_CONTROL, cache_control);
    if let Some(encoding) = encoding {
        answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    Ok(response)
}

/// The playlist as this watcher gets it, and what that took.
async fn signed(
    manifests: &Manifests,
    watcher: &Watcher,
    video: &Video,
    rendition: Option<RenditionName>,
) -> Result<(Arc<Signed>, Work), Problem> {
    let published = video.publication.as_ref().and_then(|publication| publication.hls.as_ref());
    let stream = published
        .ok_or_else(|| Problem::not_found("This video has no HLS stream; ask stream-info how it is played."))?;
    if rendition.as_ref().is_some_and(|name| !stream.renditions.contains(name)) {
        return Err(Problem::not_found("This video has no such rendition; load master.m3u8 again."));
    }
    // Only the lines that lead to renditions hold a token: all else is the same for everybody.
    let leads = rendition.is_none() && !stream.renditions.is_empty();
    let wanted = Wanted {
        short_id: video.short_id.clone(),
        encode: stream.encode,
        rendition,
        token: leads.then(|| manifests.service().gate.playback_token(watcher, &video.short_id)),
        expires: watcher.expires(),
    };
    manifests.signed(wanted).await
}

/// Whether `Accept-Encoding` names gzip, and not with `q=0` (RFC 9110 §12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|choice| {
        let (coding, quality) = choice.split_once(';').unwrap_or((choice, ""));
        let refused = quality.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_sent_only_to_those_who_take_it() {
        let asks = |text: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(text))]))
        };
        assert!(asks("gzip") && asks("br, gzip;q=0.5") && asks("deflate, GZIP"));
        assert!(!asks("br") && !asks("gzip;q=0") && !asks("gzip;q=0.000, br"));
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
