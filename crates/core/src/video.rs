//! The document of one video, and the only ways in which it may change.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::{EncodeId, JobId, ShortId, Username},
    parts::PartPlan,
    settings::Days,
    text::{read_lines, read_one_line},
};

pub use publication::{Extras, HlsStream, Publication, Superseded, retire_at};
pub use upload::{ABANDONED_AFTER, MOST_OPEN_UPLOADS, SILENT_AFTER};

mod looks;
mod publication;
mod upload;

/// Who sees a completed video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(inline))]
#[serde(rename_all = "lowercase")]
pub enum Visibility {
    /// Every member.
    #[default]
    Circle,
    /// The owner, administrators, and whoever holds a share.
    Private,
}

/// Where a video is on its way to be watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Phase {
    /// Parts are arriving.
    Uploading,
    /// The original is whole; a job waits for a runner.
    Pending,
    /// A runner works on it.
    Processing,
    /// A publication is there; better ones may follow.
    Completed,
    /// The job gave up, for this reason.
    Failed {
        /// A sentence for the owner.
        error: String,
    },
    /// Deleted; a sweep removes the objects, then the document.
    Deleted {
        /// When.
        at: Timestamp,
    },
}

/// The upload that a video came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Upload {
    /// `originals/{uuid}`; `None` once the original was removed on purpose.
    pub original: Option<EncodeId>,
    /// The bucket's id of the multipart upload.
    pub upload_id: String,
    /// The name that the file had, for the download.
    #[serde(deserialize_with = "read_one_line")]
    pub file_name: String,
}

/// One video. Fields change through the methods below alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// Its public name.
    pub short_id: ShortId,
    /// At most 200 characters.
    #[serde(deserialize_with = "read_one_line")]
    pub title: String,
    /// At most 5,000 characters.
    #[serde(default, deserialize_with = "read_lines")]
    pub description: String,
    /// Who uploaded it.
    pub owner: Username,
    /// Who sees it.
    #[serde(default)]
    pub visibility: Visibility,
    /// When the upload began.
    pub created_at: Timestamp,
    /// Counts every change; the newer of two copies has the higher number.
    pub revision: u64,
    /// Where it came from.
    pub upload: Upload,
    /// Bytes of the original, known when the upload is complete.
    pub size_bytes: Option<u64>,
    /// Where it is on its way.
    pub phase: Phase,
    /// The newest job made for it.
    pub job: Option<JobId>,
    /// What players get.
    pub publication: Option<Publication>,
    /// What they got before.
    #[serde(default)]
    pub superseded: Vec<Superseded>,
    /// Deleted so many days after the upload began; 0: never; `None`: as the settings say.
    #[serde(default)]
    pub expire_after_days: Option<u32>,
    /// What an import is writing below; noted before the first object, as a job does, so that a sweep leaves it alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writing: Vec<EncodeId>,
    /// How the file is cut; `None` for imports, and for uploads that were begun before parts were bound to their length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts: Option<PartPlan>,
    /// When a part was last signed, noted every few minutes. See [`Video::silent_since`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part_at: Option<Timestamp>,
}

/// A change that the video's phase does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VideoError {
    /// The phase does not allow it.
    #[error("a video that is {phase} cannot be {change}")]
    WrongPhase {
        /// What it is.
        phase: &'static str,
        /// What was asked.
        change: &'static str,
    },
    /// This job published already; the second finisher loses.
    #[error("the job {0} has already published")]
    AlreadyPublished(JobId),
}

impl Phase {
    /// The contract's word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Uploading => "uploading",
            Self::Pending => "pending",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::Failed { .. } => "failed",
            Self::Deleted { .. } => "deleted",
        }
    }
}

impl Video {
    /// A video whose upload begins at `now`.
    pub fn begin(short_id: ShortId, owner: Username, title: String, upload: Upload, now: Timestamp) -> Self {
        Self {
            short_id,
            title,
            description: String::new(),
            owner,
            visibility: Visibility::default(),
            created_at: now,
            revision: 0,
            upload,
            size_bytes: None,
            phase: Phase::Uploading,
            job: None,
            publication: None,
            superseded: Vec::new(),
            expire_after_days: None,
            writing: Vec::new(),
            parts: None,
            part_at: None,
        }
    }

    /// The same, as a video that arrives by an import, which is about to write below `writing`.
    pub fn arriving(self, writing: Vec<EncodeId>) -> Self {
        Self { phase: Phase::Pending, writing, ..self }
    }

    /// All of an import is in the bucket: `size_bytes` long, with `original` if there is one. What players get is then
    /// published, or made by `job`.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] if it arrived before, or is deleted.
    pub fn arrive(
        &mut self,
        size_bytes: u64,
        original: Option<EncodeId>,
        job: Option<JobId>,
    ) -> Result<(), VideoError> {
        self.require(!self.writing.is_empty() && !self.is_deleted(), "imported")?;
        self.writing.clear();
        self.size_bytes = Some(size_bytes);
        self.upload.original = original;
        self.job = job;
        Ok(())
    }

    /// Deleted: to everyone but the sweep it is not there.
    pub fn is_deleted(&self) -> bool {
        matches!(self.phase, Phase::Deleted { .. })
    }

    /// The original is whole, `size_bytes` long, and `job` will work on it.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless it is uploading.
    pub fn complete_upload(&mut self, size_bytes: u64, job: JobId) -> Result<(), VideoError> {
        self.require(matches!(self.phase, Phase::Uploading), "completed")?;
        self.size_bytes = Some(size_bytes);
        self.part_at = None;
        self.job = Some(job);
        self.phase = Phase::Pending;
        Ok(())
    }

    /// A runner took up the job. What is published stays what it is.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] if it is uploading or deleted.
    pub fn start_processing(&mut self) -> Result<(), VideoError> {
        self.require(!matches!(self.phase, Phase::Uploading | Phase::Deleted { .. }), "processed")?;
        if self.publication.is_none() {
            self.phase = Phase::Processing;
        }
        Ok(())
    }

    /// The runner gave the job back for another time.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] if it is uploading or deleted.
    pub fn wait_again(&mut self) -> Result<(), VideoError> {
        self.require(!matches!(self.phase, Phase::Uploading | Phase::Deleted { .. }), "made to wait")?;
        if self.phase == Phase::Processing {
            self.phase = Phase::Pending;
        }
        Ok(())
    }

    /// Players get `new` from now on. What `new` leaves out (poster, MP4, storyboard) is kept from
    /// before; what it replaces is superseded until `until`, the end of the last signature to it.
    ///
    /// # Errors
    /// [`VideoError::AlreadyPublished`] to the second finisher of one job,
    /// [`VideoError::WrongPhase`] if it is uploading or deleted.
    pub fn publish(&mut self, mut new: Publication, until: Timestamp) -> Result<(), VideoError> {
        self.require(!matches!(self.phase, Phase::Uploading | Phase::Deleted { .. }), "published")?;
        if let Some(old) = self.publication.take() {
            if old.job == new.job {
                let job = old.job.clone();
                self.publication = Some(old);
                return Err(VideoError::AlreadyPublished(job));
            }
            let before: Vec<_> = old.ids().collect();
            new.hls = new.hls.or(old.hls);
            new.progressive = new.progressive.or(old.progressive);
            new.poster = new.poster.or(old.poster);
            new.storyboard = new.storyboard.or(old.storyboard);
            let kept: Vec<_> = new.ids().collect();
            let gone = before.into_iter().filter(|id| !kept.contains(id));
            self.superseded.extend(gone.map(|id| Superseded { id, until }));
        }
        self.publication = Some(new);
        self.phase = Phase::Completed;
        Ok(())
    }

    /// Adds pictures and the MP4 to what is published; `until` as in [`Video::publish`].
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless something is published and it is not deleted.
    pub fn attach(&mut self, extras: Extras, until: Timestamp) -> Result<(), VideoError> {
        self.require(self.publication.is_some() && !self.is_deleted(), "given pictures")?;
        let publication = self.publication.as_mut().expect("required above");
        for (place, new) in [
            (&mut publication.poster, extras.poster),
            (&mut publication.progressive, extras.progressive),
            (&mut publication.storyboard, extras.storyboard),
        ] {
            if let Some(id) = new
                && let Some(old) = place.replace(id)
                && old != id
            {
                self.superseded.push(Superseded { id: old, until });
            }
        }
        Ok(())
    }

    /// The job gave up. A video that players can get stays completed.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] if it is uploading or deleted.
    pub fn fail(&mut self, error: String) -> Result<(), VideoError> {
        self.require(!matches!(self.phase, Phase::Uploading | Phase::Deleted { .. }), "failed")?;
        if self.publication.is_none() {
            self.phase = Phase::Failed { error };
        }
        Ok(())
    }

    /// A failed video is tried again with `job`.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless it failed.
    pub fn retry(&mut self, job: JobId) -> Result<(), VideoError> {
        self.require(matches!(self.phase, Phase::Failed { .. }), "retried")?;
        self.job = Some(job);
        self.phase = Phase::Pending;
        Ok(())
    }

    /// Nobody sees it any more. Deleting twice is no error.
    pub fn delete(&mut self, now: Timestamp) {
        if !self.is_deleted() {
            self.phase = Phase::Deleted { at: now };
        }
    }

    /// The published stream `encode` passed its check.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] if it is deleted, or another stream is published by now.
    pub fn pass_check(&mut self, encode: EncodeId, now: Timestamp) -> Result<(), VideoError> {
        let same = self.stream().is_some_and(|stream| stream.encode == encode);
        self.require(same && !self.is_deleted(), "marked as checked")?;
        self.publication.as_mut().expect("required above").checked = Some(now);
        Ok(())
    }

    /// The original goes: the stream that passed its check stands for it. It is superseded until `until`.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless a stream is published that passed its check.
    pub fn retire_original(&mut self, until: Timestamp) -> Result<(), VideoError> {
        let checked = self.publication.as_ref().is_some_and(|published| published.checked.is_some());
        self.require(checked && self.stream().is_some() && !self.is_deleted(), "parted from its original")?;
        let original = self.upload.original.take();
        self.superseded.extend(original.map(|id| Superseded { id, until }));
        Ok(())
    }

    /// The MP4 goes, for the stream stands beside it. It is superseded until `until`.
    ///
    /// # Errors
    /// [`VideoError::WrongPhase`] unless a stream is published.
    pub fn drop_fallback(&mut self, until: Timestamp) -> Result<(), VideoError> {
        self.require(self.stream().is_some() && !self.is_deleted(), "parted from its MP4")?;
        let mp4 = self.publication.as_mut().and_then(|published| published.progressive.take());
        self.superseded.extend(mp4.map(|id| Superseded { id, until }));
        Ok(())
    }

    /// When the clip is deleted by itself, if `default_days` is what the settings say.
    pub fn expires_at(&self, default_days: Option<Days>) -> Option<Timestamp> {
        let days = self.expire_after_days.or(default_days.map(Days::get)).filter(|days| *days > 0)?;
        self.created_at.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
    }

    /// The published stream.
    pub fn stream(&self) -> Option<&HlsStream> {
        self.publication.as_ref().and_then(|published| published.hls.as_ref())
    }

    /// The superseded encodes whose last signature has run out; they are forgotten here, so remove
    /// the objects first.
    pub fn forget_superseded(&mut self, now: Timestamp) -> Vec<EncodeId> {
        let (gone, kept) = self.superseded.drain(..).partition(|old| old.until < now);
        self.superseded = kept;
        let gone: Vec<Superseded> = gone;
        gone.into_iter().map(|old| old.id).collect()
    }

    /// Every uuid that belongs to the video: published, superseded, the original, and what an import is writing.
    pub fn ids(&self) -> Vec<EncodeId> {
        let published = self.publication.iter().flat_map(Publication::ids);
        let held = self.superseded.iter().map(|old| old.id).chain(self.upload.original);
        published.chain(held).chain(self.writing.iter().copied()).collect()
    }

    fn require(&self, allowed: bool, change: &'static str) -> Result<(), VideoError> {
        if allowed { Ok(()) } else { Err(VideoError::WrongPhase { phase: self.phase.name(), change }) }
    }
}

#[cfg(test)]
mod tests;
