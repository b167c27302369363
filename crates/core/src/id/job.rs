//! The id of a job, which says what is to be done with which video.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{IdError, ShortId};

/// What a job is for. The order is the order of turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// The first publication of an upload.
    First,
    /// The ladder of a clip that was published by copying.
    Ladder,
    /// An older video that moves to the wanted format.
    Migrate,
}

impl JobKind {
    const ALL: [Self; 3] = [Self::First, Self::Ladder, Self::Migrate];

    /// As it stands in ids.
    pub fn name(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Ladder => "ladder",
            Self::Migrate => "migrate",
        }
    }

    /// As it stands first in a key of the queue, which sorts by it. Jobs wait under these codes: they never change, and a
    /// new kind gets one of its own.
    pub fn code(self) -> u8 {
        match self {
            Self::First => 0,
            Self::Ladder => 1,
            Self::Migrate => 2,
        }
    }
}

/// One piece of work on one video: `{short_id}-{kind}-{number}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JobId {
    /// First, since ids sort as they are written.
    text: String,
    video: ShortId,
    kind: Option<JobKind>,
    number: u32,
}

impl JobId {
    /// Of the job number `number` of its kind for `video`.
    ///
    /// # Errors
    /// [`IdError`] if the number has more than nine digits.
    pub fn new(video: &ShortId, kind: JobKind, number: u32) -> Result<Self, IdError> {
        format!("{video}-{}-{number}", kind.name()).parse()
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The video that it works on.
    pub fn video(&self) -> &ShortId {
        &self.video
    }

    /// What it is for; `None` for a kind that this version does not know, and for `import`, which is no job: records name
    /// it as what published them.
    pub fn kind(&self) -> Option<JobKind> {
        self.kind
    }

    /// Which try it is.
    pub fn number(&self) -> u32 {
        self.number
    }
}

impl FromStr for JobId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let parse = || {
            let (video, rest) = text.split_once('-')?;
            let (kind, number) = rest.split_once('-')?;
            let digits = (1..=9).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
            let word = !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_lowercase());
            Some(Self {
                text: text.to_owned(),
                video: video.parse().ok()?,
                kind: JobKind::ALL.into_iter().find(|known| known.name() == kind),
                number: number.parse().ok().filter(|_| digits && word)?,
            })
        };
        parse().ok_or(IdError("a job id is {short_id}-{kind}-{number}"))
    }
}

impl TryFrom<String> for JobId {
    type Error = IdError;
    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<JobId> for String {
    fn from(id: JobId) -> String {
        id.text
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_says_video_kind_and_number() {
        let id: JobId = "aB3dE6gH9j-ladder-007".parse().expect("a job id");
        assert_eq!((id.video().as_str(), id.kind(), id.number()), ("aB3dE6gH9j", Some(JobKind::Ladder), 7));
        assert_eq!(id.to_string(), "aB3dE6gH9j-ladder-007", "it stays as it is written in keys");
        assert_eq!(JobId::new(id.video(), JobKind::First, 1), "aB3dE6gH9j-first-1".parse());
    }

    #[test]
    fn other_text_is_no_id() {
        for bad in [
            "",
            "x-first-1",
            "aB3dE6gH9j-First-1",
            "aB3dE6gH9j-first-",
            "aB3dE6gH9j-first-1-2",
            "aB3dE6gH9j--1",
            "aB3dE6gH9j-first-+1",
            "aB3dE6gH9j-first-1234567890",
        ] {
            assert!(bad.parse::<JobId>().is_err(), "{bad}");
        }
    }

    /// A record that names one stays readable.
    #[test]
    fn an_import_and_a_kind_of_a_later_version_are_ids_too() {
        for id in ["aB3dE6gH9j-import-1", "aB3dE6gH9j-cut-1"] {
            let id: JobId = id.parse().expect("an id");
            assert_eq!((id.kind(), id.number()), (None, 1));
        }
    }

    /// Jobs of every version before wait in the queue under these.
    #[test]
    fn the_codes_and_names_of_kinds_are_those_that_waiting_jobs_have() {
        let written = JobKind::ALL.map(|kind| (kind.code(), kind.name()));
        assert_eq!(written, [(0, "first"), (1, "ladder"), (2, "migrate")]);
        assert!(JobKind::ALL.is_sorted_by_key(|kind| kind.code()), "the order of turns");
    }
}
