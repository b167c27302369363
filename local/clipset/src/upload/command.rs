//! `clipset upload`: the files in turn, with their bars and answers.

use std::path::Path;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{state::state_folder, upload};
use crate::{args::UploadArgs, bars::Bars, client::Client, output, watch};

/// Uploads every file. One that fails does not keep the others from being tried.
///
/// # Errors
/// A sentence if any failed; each one's own was told before.
pub async fn run(args: &UploadArgs) -> Result<()> {
    let client = watch::client(&args.server)?;
    let states = state_folder()?;
    let bars = Bars::default();
    if let [file] = args.files.as_slice() {
        return one(&client, file, args, &states, &bars).await;
    }
    let mut failed = 0;
    for file in &args.files {
        if let Err(error) = one(&client, file, args, &states, &bars).await {
            failed += 1;
            bars.above(|| output::failure(&error));
        }
    }
    ensure!(failed == 0, "{failed} of {} files were not uploaded", args.files.len());
    Ok(())
}

async fn one(client: &Client, file: &Path, args: &UploadArgs, states: &Path, bars: &Bars) -> Result<()> {
    let bar = bars.file(file);
    let uploaded = upload(client, file, args.title.as_deref(), states, &bar).await;
    bar.finish_and_clear();
    let uploaded = uploaded?;
    bars.above(|| match args.json {
        true => output::json(&json!({
            "file": file.to_string_lossy(),
            "short_id": uploaded.short_id,
            "url": uploaded.url,
            "resumed_bytes": uploaded.resumed_bytes,
        })),
        false => output::line(&uploaded.url),
    });
    if args.wait {
        watch::wait(client, &uploaded.short_id, bars).await?;
    }
    Ok(())
}
