//! A video as the API shows it (contract, section 2).

use clipset_core::{
    Timestamp,
    account::Viewer,
    id::{JobId, ShortId, Username},
    listing::{Entry, Published},
    video::{Phase, Visibility},
};
use clipset_service::{Pass, Problem, Service};
use serde::Serialize;

/// One video, for one viewer.
#[derive(Serialize)]
pub(crate) struct VideoView {
    short_id: ShortId,
    title: String,
    description: String,
    owner: Username,
    visibility: Visibility,
    created_at: Timestamp,
    duration_seconds: Option<f64>,
    size_bytes: Option<u64>,
    width: Option<u32>,
    height: Option<u32>,
    format: &'static str,
    processing_status: &'static str,
    progress: f64,
    error: Option<String>,
    /// What it waits for, in words.
    note: Option<&'static str>,
    has_poster: bool,
    can_manage: bool,
    /// Opens this video's media and nothing else, as long as signatures live; once something is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    playback_token: Option<String>,
}

impl VideoView {
    /// What the listing knows, and how far the work on it is; for `viewer`, whose playback tokens say `pass`.
    pub(crate) fn new(service: &Service, entry: Entry, (viewer, pass): (&Viewer, &Pass), work: Work) -> Self {
        let published = entry.published.as_ref();
        Self {
            // The same within a step of signatures, so that a browser keeps what it fetched with it.
            playback_token: published.map(|_| service.tokens.playback(&entry.short_id, pass)),
            duration_seconds: published.map(|published| published.duration_seconds),
            width: published.map(|published| published.width),
            height: published.map(|published| published.height),
            format: format_name(published),
            has_poster: published.is_some_and(|published| published.poster),
            processing_status: entry.phase.name(),
            can_manage: viewer.may_manage(&entry.owner),
            error: match entry.phase {
                Phase::Failed { error } => Some(error),
                _ => None,
            },
            progress: work.progress,
            note: work.note,
            short_id: entry.short_id,
            title: entry.title,
            description: entry.description,
            owner: entry.owner,
            visibility: entry.visibility,
            created_at: entry.created_at,
            size_bytes: entry.size_bytes,
        }
    }
}

/// `hls`, `progressive`, or `unknown` until one exists.
pub(crate) fn format_name(published: Option<&Published>) -> &'static str {
    match published {
        Some(published) if published.hls => "hls",
        Some(_) => "progressive",
        None => "unknown",
    }
}

/// How the work on a video goes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Work {
    /// 0 to 1.
    pub(crate) progress: f64,
    /// What it waits for, in words.
    pub(crate) note: Option<&'static str>,
}

/// Asks for the job's document only while there is work.
///
/// # Errors
/// [`Problem`] 503.
pub(crate) async fn work(service: &Service, phase: &Phase, job: Option<&JobId>) -> Result<Work, Problem> {
    match (phase, job) {
        (Phase::Completed, _) => Ok(Work { progress: 1.0, note: None }),
        (Phase::Pending | Phase::Processing, Some(job)) => {
            let job = service.jobs.get(job).await?;
            Ok(job.map_or_else(Work::default, |job| Work { progress: job.progress, note: job.waits_for() }))
        }
        _ => Ok(Work::default()),
    }
}
