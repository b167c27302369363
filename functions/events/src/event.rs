//! What AWS tells the events function, read into the jobs' own words.

use serde::Deserialize;
use serde_json::Value;

use crate::{
    backend::{Death, Output, Report},
    dispatch::Name,
};

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A job elsewhere changed.
    Job {
        /// Which round of which job.
        name: Name,
        /// The backend's id of it.
        given: String,
        /// How it goes.
        report: Report,
    },
    /// Objects of these keys were written.
    Created(Vec<String>),
    /// It is time to ask how the jobs are.
    Review,
    /// It is time to bring everything in order.
    Sweep,
    /// Nothing of ours; what it says it is.
    Other(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchJob {
    job_name: String,
    job_id: String,
    status: String,
    #[serde(default)]
    status_reason: String,
    #[serde(default)]
    container: BatchContainer,
}

#[derive(Default, Deserialize)]
struct BatchContainer {
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConvertJob {
    job_id: String,
    status: String,
    #[serde(default)]
    user_metadata: UserMetadata,
    job_progress: Option<Progress>,
    #[serde(default)]
    error_code: i64,
    #[serde(default)]
    output_group_details: Vec<OutputGroup>,
}

#[derive(Default, Deserialize)]
struct UserMetadata {
    clipset: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Progress {
    #[serde(default)]
    job_percent_complete: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputGroup {
    #[serde(default)]
    output_details: Vec<OutputDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OutputDetail {
    #[serde(default)]
    duration_in_ms: f64,
    video_details: Option<VideoDetail>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct VideoDetail {
    width_in_px: u32,
    height_in_px: u32,
}

impl Event {
    /// Reads an event as Lambda gives it. What is not ours is [`Event::Other`].
    pub fn read(event: &Value) -> Self {
        match event["clipset"].as_str() {
            Some("review") => return Self::Review,
            Some("sweep") => return Self::Sweep,
            _ => {}
        }
        if let Some(records) = event["Records"].as_array() {
            let created = records
                .iter()
                .filter(|record| record["eventName"].as_str().is_some_and(|name| name.starts_with("ObjectCreated:")));
            // Our keys hold nothing that S3 would escape in them.
            let keys = created.filter_map(|record| record["s3"]["object"]["key"].as_str());
            return Self::Created(keys.map(str::to_owned).collect());
        }
        let kind = event["detail-type"].as_str().unwrap_or("an event without a type");
        let detail = &event["detail"];
        let read = match kind {
            "Object Created" => detail["object"]["key"].as_str().map(|key| Self::Created(vec![key.to_owned()])),
            "Batch Job State Change" | "Batch Job Queue Blocked" => BatchJob::deserialize(detail).ok().and_then(batch),
            "MediaConvert Job State Change" => ConvertJob::deserialize(detail).ok().and_then(convert),
            _ => None,
        };
        read.unwrap_or_else(|| Self::Other(kind.to_owned()))
    }
}

fn batch(job: BatchJob) -> Option<Event> {
    let name = job.job_name.parse().ok()?;
    let report = batch_report(&job.status, &job.status_reason, &job.container.reason)?;
    Some(Event::Job { name, given: job.job_id, report })
}

/// How Batch says that spot took a machine away: of EC2, and of Fargate.
const RECLAIMED: [&str; 2] = ["Host EC2", "Your Spot Task was interrupted"];

/// How a Batch job goes, by its status, the status's reason and its container's.
/// Source: AWS Batch, "Job states" and "Jobs stuck in a RUNNABLE status".
pub(crate) fn batch_report(status: &str, status_reason: &str, container_reason: &str) -> Option<Report> {
    Some(match status {
        "RUNNABLE" if status_reason.starts_with("CAPACITY:") || status_reason.starts_with("MISCONFIGURATION:") => {
            Report::Blocked
        }
        "SUBMITTED" | "PENDING" | "RUNNABLE" => Report::Waiting,
        "STARTING" | "RUNNING" => Report::Running(None),
        "SUCCEEDED" => Report::Succeeded(Output::default()),
        "FAILED" if container_reason.starts_with("OutOfMemoryError") => Report::Failed(Death::OutOfMemory),
        "FAILED" if status_reason.contains("exceeded timeout") => Report::Failed(Death::TooLong),
        "FAILED" if RECLAIMED.iter().any(|words| status_reason.starts_with(words)) => Report::Failed(Death::Reclaimed),
        // "Essential container in task exited", or nothing.
        "FAILED" => Report::Failed(Death::Lost),
        _ => return None,
    })
}

fn convert(job: ConvertJob) -> Option<Event> {
    let name = job.user_metadata.clipset?.parse().ok()?;
    let details = job.output_group_details.into_iter().flat_map(|group| group.output_details);
    let outputs = details.filter_map(|output| {
        let video = output.video_details?;
        let duration = output.duration_in_ms / 1000.0;
        Some(Output { width: video.width_in_px, height: video.height_in_px, duration })
    });
    let progress = job.job_progress.map(|progress| progress.job_percent_complete / 100.0);
    let report = convert_report(&job.status, progress, job.error_code, outputs)?;
    Some(Event::Job { name, given: job.job_id, report })
}

/// How a MediaConvert job goes. Source: AWS Elemental MediaConvert, "EventBridge events" and "Error codes".
pub(crate) fn convert_report(
    status: &str,
    progress: Option<f64>,
    error: i64,
    outputs: impl Iterator<Item = Output>,
) -> Option<Report> {
    Some(match status {
        "SUBMITTED" => Report::Waiting,
        "PROGRESSING" | "STATUS_UPDATE" | "INPUT_INFORMATION" | "NEW_WARNING" => Report::Running(progress),
        "COMPLETE" => {
            let best = outputs.max_by_key(|output| u64::from(output.width) * u64::from(output.height));
            Report::Succeeded(best.unwrap_or_default())
        }
        "CANCELED" => Report::Failed(Death::Stopped),
        "ERROR" => Report::Failed(match error {
            1401 | 1404 => Death::Refused("The uploaded file is no longer there, or may not be read.".into()),
            // Transfers that broke, and the service's own faults.
            1405..=1499 | 1500..=1522 | 1550 | 1999 => Death::Passing,
            _ => Death::Refused(format!(
                "The file could not be converted: it is damaged, or of a kind that MediaConvert does not read (error {error})."
            )),
        }),
        _ => return None,
    })
}
