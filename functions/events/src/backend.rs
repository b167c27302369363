//! Who runs jobs elsewhere, in the jobs' own words: the port to AWS Batch and MediaConvert.

use async_trait::async_trait;
use clipset_core::{job::Job, settings::Settings, video::Video};

use crate::dispatch::Dispatch;

/// A job to be begun elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// The job.
    pub job: &'a Job,
    /// Its video.
    pub video: &'a Video,
    /// What is in force.
    pub settings: &'a Settings,
    /// Which round it is, and where its outputs go.
    pub dispatch: &'a Dispatch,
}

/// How a job goes elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub enum Report {
    /// It has not begun.
    Waiting,
    /// It has not begun, and says that it cannot: there is no machine of its kind.
    Blocked,
    /// It runs; 0 to 1, where that is told.
    Running(Option<f64>),
    /// It ended well.
    Succeeded(Output),
    /// It ended, and not well.
    Failed(Death),
}

/// What is told of the best output.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Output {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Seconds.
    pub duration: f64,
}

/// Why a job ended without doing what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Death {
    /// It died without a word.
    Lost,
    /// Spot took its machine away.
    Reclaimed,
    /// It took more memory than its container has.
    OutOfMemory,
    /// It took longer than is allowed.
    TooLong,
    /// Somebody stopped it.
    Stopped,
    /// The service failed, and may not fail again.
    Passing,
    /// It cannot be done; a sentence for the owner.
    Refused(String),
}

impl Death {
    /// Whether another try would end the same way.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::TooLong | Self::Stopped | Self::Refused(_))
    }

    /// A sentence for the owner.
    pub(crate) fn sentence(&self) -> String {
        let why = match self {
            Self::Lost | Self::Reclaimed => "the machines that worked on it were lost three times",
            Self::OutOfMemory => "it takes more memory than there is",
            Self::TooLong => "it took longer than is allowed",
            Self::Stopped => "the work on it was stopped by hand",
            Self::Passing => "the service that works on it failed three times",
            Self::Refused(sentence) => return sentence.clone(),
        };
        format!("The video could not be prepared: {why}.")
    }
}

/// Why a backend did not do what it was asked. The message is for logs.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The job cannot be done; a sentence for the owner.
    #[error("{0}")]
    Refused(String),
    /// The service will not have it: it lacks a permission, a queue or a quota, which somebody has to mend.
    #[error("{service} refused to {operation}: {message}")]
    Denied {
        /// Its name.
        service: &'static str,
        /// In words.
        operation: &'static str,
        /// Its own words.
        message: String,
    },
    /// The service is away, or has too much to do.
    #[error("{service} failed to {operation}: {message}")]
    Failed {
        /// Its name.
        service: &'static str,
        /// In words.
        operation: &'static str,
        /// Its own words.
        message: String,
    },
}

impl BackendError {
    /// A sentence for the owner of a clip whose job was not taken.
    pub(crate) fn sentence(&self) -> String {
        let (service, why) = match self {
            Self::Refused(sentence) => return sentence.clone(),
            Self::Denied { service, .. } => (service, "does not take its job"),
            Self::Failed { service, .. } => (service, "could not be asked for a day"),
        };
        format!(
            "The video could not be prepared: {service} {why}. An administrator finds the reason in the log of the events \
             function; then try again."
        )
    }
}

/// Runs jobs.
#[async_trait]
pub trait Backend: Send + Sync {
    /// Whether its jobs take no lease themselves, so that the events function holds them for it.
    fn is_held_for(&self) -> bool;

    /// Whether there is another place for jobs that do not begin.
    fn has_fallback(&self) -> bool;

    /// Begins the order's round; one that was begun already is not begun again. Gives the backend's id of it.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn submit(&self, order: Order<'_>) -> Result<String, BackendError>;

    /// How the job of this id goes; `None` if it is not known (any more).
    ///
    /// # Errors
    /// [`BackendError`].
    async fn report(&self, id: &str) -> Result<Option<Report>, BackendError>;

    /// Stops it; one that has ended is no error.
    ///
    /// # Errors
    /// [`BackendError`].
    async fn stop(&self, id: &str, why: &str) -> Result<(), BackendError>;
}
