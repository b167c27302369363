//! Why a job stopped, and what follows from it: another try, or a sentence for the owner.

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use clipset_bucket::{BucketError, UpdateError};
use clipset_child::ChildError;
use clipset_core::{job::JobError, video::VideoError};

/// Why a job stopped before its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Another try would end the same: the owner is told.
    #[error("{reason}")]
    Permanent {
        /// A sentence for the owner.
        reason: String,
        /// FFmpeg's last lines, cleaned of paths.
        log: Vec<String>,
    },
    /// FFmpeg was ended by a signal, such as a driver's fault or a lack of memory: it may go better next time.
    #[error("{reason}")]
    Crashed {
        /// A sentence for whoever runs the runner, and for the owner if it happens every time.
        reason: String,
        /// FFmpeg's last lines, cleaned of paths.
        log: Vec<String>,
    },
    /// What is around FFmpeg failed, the bucket or the disk: it may go better next time.
    #[error("{reason}")]
    Passing {
        /// A sentence for whoever runs the runner, and for the owner if it happens every time.
        reason: String,
        /// FFmpeg's last lines, cleaned of paths.
        log: Vec<String>,
    },
    /// The disk of the runner or of the bucket is full, as this says: the job waits, and that is no attempt.
    #[error("{0}")]
    NoSpace(&'static str),
    /// The picture cannot be copied after all, for this reason: it is encoded instead.
    #[error("{0}")]
    NotCopyable(String),
    /// About so many seconds of work, which is more than the lane takes: another lane does it.
    #[error("it is about {0:.0} s of work, which is for another lane")]
    TooLong(f64),
    /// Another runner took the job over: write nothing more.
    #[error("the lease was lost to another runner")]
    LeaseLost,
    /// The video was deleted, or its job has nothing left to do.
    #[error("there is nothing left to do: {0}")]
    Moot(&'static str),
}

impl Failure {
    /// A permanent failure without FFmpeg's lines.
    pub fn permanent(reason: impl Into<String>) -> Self {
        Self::Permanent { reason: reason.into(), log: Vec::new() }
    }

    /// A passing failure without FFmpeg's lines.
    pub fn passing(reason: impl Into<String>) -> Self {
        Self::Passing { reason: reason.into(), log: Vec::new() }
    }

    /// What a file operation of ours in the scratch folder came to.
    pub fn scratch(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace(DISK_FULL),
            _ => Self::passing(format!("the runner could not write to its scratch folder: {error}")),
        }
    }

    /// What an FFmpeg that did not end well means, from its `status` and its cleaned last lines.
    pub fn of_ffmpeg(status: ExitStatus, log: Vec<String>) -> Self {
        let said = |words: &str| log.iter().any(|line| line.contains(words));
        if speaks_of_space(&log) {
            return Self::NoSpace(DISK_FULL);
        }
        // setrlimit(2): the limits that a hostile file runs into.
        const SIGXCPU: i32 = 24;
        const SIGXFSZ: i32 = 25;
        let reason = match status.signal() {
            Some(SIGXCPU) => "The file takes more processor time than is allowed.",
            Some(SIGXFSZ) => "The file becomes larger than is allowed.",
            Some(signal) => {
                return Self::Crashed { reason: format!("FFmpeg was ended by signal {signal}."), log };
            }
            None if said("Cannot allocate memory") => "The file takes more memory than is allowed.",
            None if said("moov atom not found") => NO_INDEX,
            None => "The file could not be decoded: it is damaged, or of a kind that FFmpeg does not read.",
        };
        Self::Permanent { reason: reason.into(), log }
    }
}

/// FFmpeg ends well after some writes that failed for want of space.
pub(crate) fn speaks_of_space(log: &[String]) -> bool {
    log.iter().any(|line| line.contains("No space left on device") || line.contains("Disk quota exceeded"))
}

/// The runner's disk is full.
pub(crate) const DISK_FULL: &str =
    "The runner's disk is full; free some space or set TRANSCODER_SCRATCH to a larger one.";
/// The bucket's is.
const BUCKET_FULL: &str = "The bucket's disk is full; delete clips or make room.";
/// An MP4 without its index.
pub(crate) const NO_INDEX: &str =
    "The file is not whole: its index is missing. It was cut off while it was recorded or copied.";

const DAMAGED_RECORD: &str = "A record of the clip is damaged: ask an administrator to repair it.";
const DAMAGED_FILE: &str = "The uploaded file is damaged in the storage: upload it again.";

impl From<ChildError> for Failure {
    fn from(error: ChildError) -> Self {
        match error {
            ChildError::TimedOut { .. } => Self::permanent("The file took longer than is allowed for its length."),
            other => Self::passing(other.to_string()),
        }
    }
}

impl From<BucketError> for Failure {
    fn from(error: BucketError) -> Self {
        match error {
            BucketError::Local { reason, .. } => Self::scratch(&reason),
            BucketError::Full { .. } => Self::NoSpace(BUCKET_FULL),
            // Another try would read the same.
            BucketError::Malformed { key, .. } | BucketError::Damaged { key } => {
                tracing::error!(key, "it cannot be read");
                Self::permanent(if key.starts_with("catalog/") || key.starts_with("jobs/") {
                    DAMAGED_RECORD
                } else {
                    DAMAGED_FILE
                })
            }
            // The store's own words are for the log of the runner, not for the owner.
            other => {
                tracing::warn!(error = %other, "the bucket failed");
                Self::passing("The bucket could not be reached, or did not take what was written.")
            }
        }
    }
}

impl From<UpdateError<JobError>> for Failure {
    fn from(error: UpdateError<JobError>) -> Self {
        match error {
            // Gone, ended or given to another: in every case it is not ours any more.
            UpdateError::Refused(_) | UpdateError::Missing => Self::LeaseLost,
            UpdateError::Bucket(error) => error.into(),
        }
    }
}

impl From<UpdateError<VideoError>> for Failure {
    fn from(error: UpdateError<VideoError>) -> Self {
        match error {
            UpdateError::Refused(VideoError::AlreadyPublished(_)) => Self::Moot("another runner has published it"),
            UpdateError::Refused(VideoError::WrongPhase { .. }) => Self::Moot("the video was deleted"),
            UpdateError::Missing => Self::Moot("the video is gone"),
            UpdateError::Bucket(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ffmpeg_died_of_decides_whether_another_try_helps() {
        let ended = |raw: i32, line: &str| Failure::of_ffmpeg(ExitStatus::from_raw(raw), vec![line.to_owned()]);
        assert!(matches!(ended(9, ""), Failure::Crashed { .. }), "killed");
        assert!(matches!(ended(1 << 8, "av_write: No space left on device"), Failure::NoSpace(_)));
        assert!(matches!(ended(9, "Error writing trailer: No space left on device"), Failure::NoSpace(_)));
        assert!(matches!(ended(25, ""), Failure::Permanent { .. }), "file size");
        assert!(matches!(ended(24, ""), Failure::Permanent { .. }), "processor time");
        assert!(matches!(ended(1 << 8, "Invalid data found"), Failure::Permanent { .. }));
        assert_eq!(ended(1 << 8, "moov atom not found").to_string(), NO_INDEX);
    }
}
