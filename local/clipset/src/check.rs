//! `clipset check`: a published stream held against the rules of HLS.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use clipset_core::id::ShortId;
use clipset_service::Service;
use serde_json::json;

use crate::{args::CheckArgs, manage::enter_local_system, output, target::Target};

/// Prints the table, or JSON.
///
/// # Errors
/// A sentence: a rule is broken, or there is no such stream, or the bucket cannot be reached.
pub async fn check(args: &CheckArgs) -> Result<()> {
    let report = match &args.target {
        Target::Directory(folder) => clipset_check::check(folder),
        Target::Clip(short_id) => {
            enter_local_system()?;
            let folder = tempfile::tempdir().context("there is no room for a temporary folder")?;
            download(short_id, folder.path()).await?;
            clipset_check::check(folder.path())
        }
    };
    match args.json {
        true => output::json(&json!({"clean": report.is_clean(), "findings": report.findings})),
        false => output::line(report.to_string()),
    }
    let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
    ensure!(broken.is_empty(), "the stream breaks what must hold: {}", broken.join(", "));
    Ok(())
}

/// The clip's published stream, as files in `folder`.
async fn download(short_id: &ShortId, folder: &Path) -> Result<()> {
    let service = Service::from_env().await?;
    let video = service.videos.get(short_id).await?.map(|found| found.value).filter(|video| !video.is_deleted());
    let Some(video) = video else { bail!("there is no clip {short_id}") };
    let Some(stream) = video.publication.and_then(|published| published.hls) else {
        bail!("the clip has no HLS stream: it is {}", video.phase.name());
    };
    service.bucket.download_stream(&stream, folder).await.context("the stream cannot be read")
}
