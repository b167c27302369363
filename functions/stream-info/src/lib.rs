//! `GET /api/videos/{short_id}/stream-info`: how a video is to be played now.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Query, State},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::get,
};
use clipset_core::{
    id::ShortId,
    job::DAMAGED_JOB,
    video::{Phase, Publication, Video},
};
use clipset_service::{Json, PathId, Problem, Service, TokenQuery, Watcher, never_sniffed};
use http::{HeaderMap, header};
use serde::Serialize;

/// What a player is told. Tagged by `format`: `hls`, `progressive` or `unknown`.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(tag = "format", rename_all = "lowercase")]
pub enum StreamInfo {
    /// Segments, and an MP4 to fall back to where there is one.
    Hls {
        /// `/api/videos/{short_id}/hls/master.m3u8`.
        manifest_url: String,
        /// `/api/videos/{short_id}/stream`.
        #[serde(skip_serializing_if = "Option::is_none")]
        stream_url: Option<String>,
        /// What both kinds share.
        #[serde(flatten)]
        playable: Playable,
    },
    /// One MP4.
    Progressive {
        /// `/api/videos/{short_id}/stream`.
        stream_url: String,
        /// What both kinds share.
        #[serde(flatten)]
        playable: Playable,
    },
    /// Nothing to play yet.
    Unknown {
        /// Always false.
        #[cfg_attr(feature = "openapi", schemars(extend("const" = false)))]
        ready: bool,
        /// `pending`, `processing` or `failed`.
        #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["pending", "processing", "failed"])))]
        processing_status: &'static str,
        /// 0 to 1.
        progress: f64,
        /// Why it failed, a sentence.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// What it waits for, in words.
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<&'static str>,
    },
}

/// What a player wants to know of anything that plays.
#[derive(Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Playable {
    /// Always true.
    #[cfg_attr(feature = "openapi", schemars(extend("const" = true)))]
    pub ready: bool,
    /// Opens this video's media and nothing else, as long as signatures live. Whoever asked with such a token is given
    /// that one back.
    pub playback_token: String,
    /// Seconds.
    pub duration_seconds: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `/api/videos/{short_id}/poster`, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub poster_url: Option<String>,
}

/// The function's one route.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/api/videos/{short_id}/stream-info", get(stream_info))
        .layer(map_response(never_sniffed))
        .with_state(service)
}

async fn stream_info(
    State(service): State<Arc<Service>>,
    PathId(short_id): PathId<ShortId>,
    Query(token): Query<TokenQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let info = told(&service, &headers, &token, &short_id).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(info)).into_response())
}

/// What whoever shows this token is told, by this route or along with another answer.
///
/// # Errors
/// [`Problem`] 401, 404, 503.
pub async fn told(
    service: &Service,
    headers: &HeaderMap,
    token: &TokenQuery,
    short_id: &ShortId,
) -> Result<StreamInfo, Problem> {
    // Both at once: at most two reads in sequence on this path. A token that is none costs no read.
    let watcher = service.gate.watcher(headers, token, short_id);
    let (watcher, video) = tokio::try_join!(biased; watcher, async { Ok(service.video(short_id).await) })?;
    let video = video?;
    let info = async {
        match &video.publication {
            Some(publication) => Ok(playable(service, &video, publication, &watcher)),
            None => waiting(service, &video).await,
        }
    };
    let ((), info) = tokio::try_join!(biased; service.gate.require_may_watch(&watcher, &video), info)?;
    Ok(info)
}

fn playable(service: &Service, video: &Video, publication: &Publication, watcher: &Watcher) -> StreamInfo {
    let id = &video.short_id;
    let stream_url = format!("/api/videos/{id}/stream");
    let playable = Playable {
        ready: true,
        playback_token: service.gate.playback_token(watcher, id),
        duration_seconds: publication.duration_seconds,
        width: publication.width,
        height: publication.height,
        poster_url: publication.poster.map(|_| format!("/api/videos/{id}/poster")),
    };
    match publication.hls {
        Some(_) => StreamInfo::Hls {
            manifest_url: format!("/api/videos/{id}/hls/master.m3u8"),
            stream_url: publication.progressive.map(|_| stream_url),
            playable,
        },
        None => StreamInfo::Progressive { stream_url, playable },
    }
}

async fn waiting(service: &Service, video: &Video) -> Result<StreamInfo, Problem> {
    let job = match &video.job {
        Some(job) => service.jobs.get(job).await,
        None => Ok(None),
    };
    let (processing_status, error) = match &video.phase {
        Phase::Pending | Phase::Processing if job.as_ref().is_err_and(|error| error.is_unreadable()) => {
            ("failed", Some(DAMAGED_JOB.to_owned()))
        }
        Phase::Failed { error } => ("failed", Some(error.clone())),
        Phase::Processing => ("processing", None),
        _ => ("pending", None),
    };
    let (progress, note) = match job {
        Err(error) if error.is_unreadable() => (0.0, None),
        job => job?.map_or((0.0, None), |job| (job.progress, job.waits_for())),
    };
    Ok(StreamInfo::Unknown { ready: false, processing_status, progress, error, note })
}
