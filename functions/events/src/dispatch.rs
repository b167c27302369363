//! The dispatch: a document beside the job that says where it was given to run, and in which round.
//!
//! It is written before the backend is asked and names the round, so whatever is heard of another
//! round, or of a second job of the same round, is known to be old.

use std::{fmt, str::FromStr};

use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId},
};
use serde::{Deserialize, Serialize};

/// Where a job is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// Where all go first.
    First,
    /// Where a job goes that did not begin there in time, or that spot took away there.
    Fallback,
}

/// Below which uuids a service that names its outputs itself writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// `hls/{uuid}/`.
    pub hls: EncodeId,
    /// `progressive/{uuid}.mp4`.
    pub progressive: EncodeId,
    /// `images/{uuid}.jpg`.
    pub poster: EncodeId,
}

impl Outputs {
    fn random() -> Self {
        Self { hls: EncodeId::random(), progressive: EncodeId::random(), poster: EncodeId::random() }
    }

    /// All of them.
    pub fn ids(&self) -> [EncodeId; 3] {
        [self.hls, self.progressive, self.poster]
    }
}

/// One job, given to a backend.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispatch {
    /// The job.
    pub job: JobId,
    /// From 1; the next one begins when this one was lost or did not begin.
    pub round: u32,
    /// Rounds that ended without an end of the job.
    pub lost: u32,
    /// Where it is.
    pub place: Place,
    /// How often in this round the backend would not have the job.
    #[serde(default)]
    pub denied: u32,
    /// When this round began.
    pub since: Timestamp,
    /// The backend's id; `None` until it has taken the job.
    pub given: Option<String>,
    /// The backend's id of the round before, which is to be stopped first.
    pub to_stop: Option<String>,
    /// New ones in each round.
    pub outputs: Outputs,
}

impl Dispatch {
    /// The first round.
    pub(crate) fn first(job: JobId, now: Timestamp) -> Self {
        let outputs = Outputs::random();
        Self { job, round: 1, lost: 0, place: Place::First, denied: 0, since: now, given: None, to_stop: None, outputs }
    }

    /// The round after one that was lost.
    pub(crate) fn after_loss(&self, now: Timestamp, place: Place) -> Self {
        Self { lost: self.lost + 1, place, to_stop: None, ..self.next(now) }
    }

    /// The round at the other place, after one that did not begin.
    pub(crate) fn at_fallback(&self, now: Timestamp) -> Self {
        Self { place: Place::Fallback, to_stop: self.given.clone(), ..self.next(now) }
    }

    fn next(&self, now: Timestamp) -> Self {
        Self { round: self.round + 1, denied: 0, since: now, given: None, outputs: Outputs::random(), ..self.clone() }
    }

    /// What the round is called at the backend.
    pub fn name(&self) -> Name {
        Name { job: self.job.clone(), round: self.round }
    }
}

/// The name of one round: `{job id}-{round}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The job.
    pub job: JobId,
    /// From 1.
    pub round: u32,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.job, self.round)
    }
}

/// A name that is not one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a round is called {{job id}}-{{number}}")]
pub struct NameError;

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let (job, round) = text.rsplit_once('-').ok_or(NameError)?;
        Ok(Self { job: job.parse().map_err(|_| NameError)?, round: round.parse().map_err(|_| NameError)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_job_and_round_and_reads_back() {
        let first = Dispatch::first("aB3dE6gH9j-first-1".parse().expect("a job id"), Timestamp::UNIX_EPOCH);
        let second = first.after_loss(Timestamp::UNIX_EPOCH, first.place);
        assert_eq!(second.name().to_string(), "aB3dE6gH9j-first-1-2");
        assert_eq!(second.name().to_string().parse(), Ok(second.name()));
        assert_ne!(first.outputs, second.outputs);
        for other in ["", "nightly-report", "aB3dE6gH9j-first-1"] {
            assert_eq!(other.parse::<Name>(), Err(NameError), "{other}");
        }
    }
}
