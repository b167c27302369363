//! The upload on the local disk, with what was found out about it.

use std::{path::Path, time::Duration};

use clipset_bucket::{Bucket, BucketError};
use clipset_core::{key::MediaKey, settings::Settings};

use crate::{
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    packets::Contents,
    plan::{Plan, breaks_off, may_be_copied, open_ends, plan, played},
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
    /// What it holds.
    pub contents: Contents,
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
        let Examined { probe, contents, plan } = examine(tools, &input, settings).await?;
        Ok(Self { folder, bytes, probe, contents, plan })
    }

    /// Plans anew, with the picture encoded, because copying turned out not to do for this `reason`.
    ///
    /// # Errors
    /// [`Failure::Permanent`] with a sentence for the owner.
    pub fn encode(&mut self, settings: &Settings, reason: &str) -> Result<(), Failure> {
        let plan = Plan::encoded(&self.probe, settings, reason);
        let plan = plan.and_then(|plan| plan.bounded(&self.probe, &self.contents, settings));
        self.plan = plan.map_err(|refusal| Failure::permanent(refusal.0))?;
        Ok(())
    }

    /// Removes the upload from the disk: nothing more is made of it.
    pub async fn drop_upload(&self) {
        // Not there any more after another attempt; whatever else is wrong, the folder goes with the job.
        let _ = tokio::fs::remove_file(self.folder.path().join(INPUT)).await;
    }

    /// Seconds of work, about, for the first `sizes` of the plan's renditions.
    pub fn work_seconds(&self, settings: &Settings, sizes: usize) -> f64 {
        self.plan.work_seconds(&self.probe, &self.contents, settings, sizes)
    }

    /// What one run of FFmpeg on it may use; no longer than `longest`.
    pub fn allowance(&self, settings: &Settings, longest: Duration, gpu: bool) -> Allowance {
        Allowance { time: self.time(settings).min(longest), file_size: (4 * self.bytes).max(16 * GIB), gpu }
    }

    /// Bytes that all segments together may have.
    pub fn most_bytes(&self) -> u64 {
        (10 * self.bytes).max(32 * GIB)
    }

    /// Twenty times the work that it is, and ten minutes more.
    fn time(&self, settings: &Settings) -> Duration {
        let seconds = 600.0 + 20.0 * self.work_seconds(settings, self.plan.rungs.len());
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// What was found out about a file.
#[derive(Debug)]
pub struct Examined {
    /// What ffprobe said.
    pub probe: Probe,
    /// What it holds.
    pub contents: Contents,
    /// What becomes of it.
    pub plan: Plan,
}

/// Probes the file at `input`, reads its packets, and plans.
///
/// # Errors
/// [`Failure::Permanent`] with a sentence for the owner.
pub async fn examine(tools: &Tools, input: &Path, settings: &Settings) -> Result<Examined, Failure> {
    let mut probe = probe(tools, input).await?;
    let mut contents = match played(&probe) {
        Some(played) => Contents::read(tools, input, played).await?,
        None => Contents::default(),
    };
    let open = open_ends(&probe);
    probe.set_ends(
        &contents.ends.iter().filter(|(stream, _)| open.contains(stream)).map(|(n, end)| (*n, *end)).collect(),
    );
    let copied = may_be_copied(&probe, settings);
    if let Some(index) = copied
        && breaks_off(&probe, index, &contents.pictures)
    {
        contents.read_picture_alone(tools, input, index).await?;
    }
    let pictures = copied.map(|_| &contents.pictures);
    let plan = plan(&probe, pictures, settings).and_then(|plan| plan.bounded(&probe, &contents, settings));
    let plan = plan.map_err(|refusal| Failure::permanent(refusal.0))?;
    Ok(Examined { probe, contents, plan })
}
