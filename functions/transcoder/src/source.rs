//! The upload on the local disk, with what was found out about it.

use std::{path::Path, time::Duration};

use clipset_bucket::{Bucket, BucketError};
use clipset_core::{key::MediaKey, settings::Settings};

use crate::{
    cuts::{Pictures, read_ends, read_pictures},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    plan::{Plan, may_be_copied, open_ends, plan},
    probe::{Probe, probe},
    scratch::{JobFolder, Scratch},
};

/// The upload's name in the job's folder.
pub const INPUT: &str = "input";

const GIB: u64 = 1 << 30;

/// An upload, downloaded, probed and planned.
#[derive(Debug)]
pub struct Source {
    /// Holds it as [`INPUT`]. Gone when dropped.
    pub folder: JobFolder,
    /// Its size.
    pub bytes: u64,
    /// What ffprobe said.
    pub probe: Probe,
    /// What becomes of it.
    pub plan: Plan,
}

impl Source {
    /// Downloads the object at `key` and decides what becomes of it.
    ///
    /// # Errors
    /// [`Failure::Permanent`] if it is gone or nothing can be made of it.
    pub async fn fetch(
        bucket: &Bucket,
        key: &MediaKey,
        scratch: &Scratch,
        tools: &Tools,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let missing = || Failure::permanent("The uploaded file is no longer there.");
        let size = bucket.size(key).await?.ok_or_else(missing)?;
        if size == 0 {
            return Err(Failure::permanent("The file is empty."));
        }
        scratch.make_sure_of(size)?;
        let folder = scratch.job_folder()?;
        let input = folder.path().join(INPUT);
        let bytes = match bucket.download(key, &input).await {
            Err(BucketError::Missing { .. }) => return Err(missing()),
            other => other?,
        };
        let (probe, plan) = examine(tools, &input, settings).await?;
        Ok(Self { folder, bytes, probe, plan })
    }

    /// What one run of FFmpeg on it may use; `limit` overrides the time.
    pub fn allowance(&self, limit: Option<Duration>, gpu: bool) -> Allowance {
        Allowance { time: limit.unwrap_or_else(|| self.time()), file_size: (4 * self.bytes).max(16 * GIB), gpu }
    }

    /// Bytes that all segments together may have.
    pub fn most_bytes(&self) -> u64 {
        (10 * self.bytes).max(32 * GIB)
    }

    /// Twenty times its length, at least ten minutes, at most three days.
    fn time(&self) -> Duration {
        let seconds = self.plan.duration.unwrap_or(3600.0) * 20.0;
        Duration::from_secs_f64(seconds.clamp(600.0, 3.0 * 86_400.0))
    }
}

/// Probes the file at `input`, reads its packets if it may be copied, and plans.
///
/// # Errors
/// [`Failure::Permanent`] with a sentence for the owner.
pub async fn examine(tools: &Tools, input: &Path, settings: &Settings) -> Result<(Probe, Plan), Failure> {
    let mut probe = probe(tools, input).await?;
    let open = open_ends(&probe);
    if !open.is_empty() {
        probe.set_ends(&read_ends(tools, input, &open).await?);
    }
    let pictures: Option<Pictures> = match may_be_copied(&probe, settings) {
        Some(index) => Some(read_pictures(tools, input, index).await?),
        None => None,
    };
    let plan = plan(&probe, pictures.as_ref(), settings).map_err(|refusal| Failure::permanent(refusal.0))?;
    Ok((probe, plan))
}
