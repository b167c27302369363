//! A video as the API shows it (contract, section 2).

use clipset_core::{
    Timestamp,
    account::Viewer,
    id::{JobId, ShortId, Username},
    job::DAMAGED_JOB,
    listing::{Entry, Published},
    video::{Phase, Visibility},
};
use clipset_service::{DAMAGED_CLIP, Pass, Problem, Service};
use serde::Serialize;

/// One video, for one viewer.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Video"))]
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
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["hls", "progressive", "unknown"])))]
    format: &'static str,
    #[cfg_attr(feature = "openapi", schemars(extend("enum" = ["uploading", "pending", "processing", "completed", "failed"])))]
    processing_status: &'static str,
    progress: f64,
    error: Option<String>,
    /// What it waits for, in words.
    note: Option<&'static str>,
    has_poster: bool,
    can_manage: bool,
    /// Its document cannot be read: all this is what the listing knew.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    damaged: bool,
    /// Opens this video's media and nothing else, as long as signatures live; once something is published.
    #[serde(skip_serializing_if = "Option::is_none")]
    playback_token: Option<String>,
}

impl VideoView {
    /// What the listing knows, and how far the work on it is; for `viewer`, whose playback tokens say `pass`.
    fn new(service: &Service, entry: Entry, (viewer, pass): (&Viewer, &Pass), work: &Work) -> Self {
        let published = entry.published.as_ref();
        Self {
            // The same within a step of signatures, so that a browser keeps what it fetched with it.
            playback_token: published.map(|_| service.tokens.playback(&entry.short_id, pass)),
            duration_seconds: published.map(|published| published.duration_seconds),
            width: published.map(|published| published.width),
            height: published.map(|published| published.height),
            format: format_name(published),
            has_poster: !entry.damaged && published.is_some_and(|published| published.poster),
            damaged: entry.damaged,
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
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// Where the video is: one whose job cannot be read has failed.
    pub(crate) phase: Phase,
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
    let at = |phase: &Phase, progress| Work { phase: phase.clone(), progress, note: None };
    match (phase, job) {
        (Phase::Completed, _) => Ok(at(phase, 1.0)),
        (Phase::Pending | Phase::Processing, Some(job)) => match service.jobs.get(job).await {
            Ok(None) => Ok(at(phase, 0.0)),
            Ok(Some(job)) => Ok(Work { note: job.waits_for(), ..at(phase, job.progress) }),
            Err(error) if error.is_unreadable() => Ok(at(&Phase::Failed { error: DAMAGED_JOB.to_owned() }, 0.0)),
            Err(error) => Err(error.into()),
        },
        _ => Ok(at(phase, 0.0)),
    }
}

/// What a member sees of `entry`, with playback tokens that say `pass`.
///
/// # Errors
/// [`Problem`] 503.
pub(crate) async fn shown(service: &Service, mut entry: Entry, member: (&Viewer, &Pass)) -> Result<VideoView, Problem> {
    let work = match entry.damaged {
        true => Work { phase: Phase::Failed { error: DAMAGED_CLIP.to_owned() }, progress: 0.0, note: None },
        false => work(service, &entry.phase, entry.job.as_ref()).await?,
    };
    entry.phase = work.phase.clone();
    Ok(VideoView::new(service, entry, member, &work))
}
