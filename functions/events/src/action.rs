//! The steps of a sweep, and the rules that hold them back.

use std::fmt;

use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId, Username},
    job::Job,
    key::DocumentKey,
    video::Video,
};

/// One step of a sweep. Its `Display` says what and why.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// All objects and documents of a deleted video.
    RemoveVideo(Video),
    /// An upload that nobody went on with: its video is deleted.
    Abandon(Video),
    /// Encodes of a video whose last signature has run out.
    RemoveSuperseded(Video, Vec<EncodeId>),
    /// A video whose job nobody will find: the writer was killed between two writes.
    Enqueue(Job),
    /// A video whose job failed, and whose document does not say so yet.
    Fail(Video, String),
    /// A video whose days are over: it is deleted.
    Expire(Video),
    /// The original of a video whose stream stands for it, after the stream's check.
    RetireOriginal(Video),
    /// A private document whose time has passed.
    RemoveDocument {
        /// The document to remove.
        key: DocumentKey,
        /// Why, in words.
        why: &'static str,
    },
    /// The plan of a migration that is not under way.
    RemovePlan(String),
    /// Bytes reserved for an upload that is not there.
    Release {
        /// The member who reserved them.
        owner: Username,
        /// For which.
        upload: EncodeId,
    },
    /// What holders of a job wrote who lost it: objects to remove that its video does not name, and all to forget.
    RemoveAbandoned {
        /// The job that names it.
        job: JobId,
        /// Its video.
        video: ShortId,
        /// All of it.
        abandoned: Vec<EncodeId>,
    },
    /// Objects below a uuid that no document has named for [`ORPHANED_FOR`](crate::note::ORPHANED_FOR).
    RemoveOrphan(EncodeId),
    /// Parts that no video waits for.
    AbortUpload {
        /// The object that would have been.
        key: String,
        /// The store's id.
        upload_id: String,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RemoveVideo(video) => write!(f, "remove {}: it was deleted", video.short_id),
            Self::Abandon(video) => write!(f, "delete {}: its upload was silent for too long", video.short_id),
            Self::RemoveSuperseded(video, ids) => {
                write!(f, "remove {} old encode(s) of {}: no signature leads to them", ids.len(), video.short_id)
            }
            Self::Enqueue(job) => write!(f, "enqueue {}: its video waits and nobody knows of it", job.id),
            Self::Fail(video, _) => write!(f, "mark {} as failed: its job gave up", video.short_id),
            Self::RemoveAbandoned { job, abandoned, .. } => {
                write!(f, "remove what {job} abandoned: {} encode(s) that were never published", abandoned.len())
            }
            Self::RemoveOrphan(id) => write!(f, "remove {id}: no document names it"),
            Self::Expire(video) => write!(f, "delete {}: its days are over", video.short_id),
            Self::RetireOriginal(video) => {
                write!(f, "remove the original of {}: its stream stands for it if it passes its check", video.short_id)
            }
            // The whole id of a share opens it, so it stands in no log.
            Self::RemoveDocument { key: DocumentKey::Share(share), why } => {
                write!(f, "remove a share of {}: {why}", share.video())
            }
            Self::RemoveDocument { key, why } => write!(f, "remove {key}: {why}"),
            Self::RemovePlan(key) => write!(f, "remove {key}: no migration needs it"),
            Self::Release { owner, upload } => {
                write!(f, "give {owner} back what was reserved for {upload}: there is no such upload")
            }
            Self::AbortUpload { key, .. } => write!(f, "abort the upload of {key}: no video waits for it"),
        }
    }
}

/// A step that is not taken, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What would be done.
    pub action: Action,
    /// What stands against it.
    pub rule: Rule,
}

/// What holds a step back.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// It has not been an orphan for long enough.
    Waits {
        /// First seen so.
        since: Timestamp,
        /// Days that count, begun ones not.
        days: i64,
        /// Days that are asked.
        asked: i64,
    },
    /// A document cannot be read in this run, and might name it.
    Unreadable(DocumentKey),
    /// The record of this clip was set aside, and might name it.
    SetAside(ShortId),
    /// So many orphans at once are no ordinary day.
    TooMany {
        /// How many.
        due: usize,
        /// How many may go at once.
        most: usize,
    },
    /// The settings are not those that an administrator made.
    SettingsFellBack,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held: {}: {}", self.rule, self.action)
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Waits { since, days, asked } => {
                write!(f, "an orphan for {days} days (first seen {since:.0}), {asked} are asked")
            }
            // The whole id of a share opens it.
            Self::Unreadable(DocumentKey::Share(share)) => write!(f, "a share of {} cannot be read", share.video()),
            Self::Unreadable(key) => write!(f, "{key} cannot be read"),
            Self::SetAside(id) => write!(f, "a record of {id} is set aside, until the clip is mended or deleted"),
            Self::TooMany { due, most } => {
                write!(f, "{due} at once are more than 1 % ({most}); --force removes them")
            }
            Self::SettingsFellBack => f.write_str("the settings cannot be read"),
        }
    }
}
