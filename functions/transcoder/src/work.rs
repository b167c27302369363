//! One job from its claim to its end.
//!
//! Every step may be the last before a kill, so each can be done again: objects go below a new
//! uuid that was noted before, one conditional write of the video's document publishes them, and
//! what a later attempt finds published it does not make again.

use std::{sync::Arc, time::Duration};

use clipset_bucket::{Bucket, Jobs, Migrations, SettingsStore, UpdateError, Videos};
use clipset_core::{
    id::JobId,
    job::{Job, JobError, Lease, MAX_ATTEMPTS},
    key::DocumentKey,
};
use jiff::SignedDuration;

use crate::{
    config::TranscoderConfig,
    encoders::Encoders,
    failure::Failure,
    held::{Held, Progress},
    phases::Task,
    scratch::Scratch,
};

/// Before a passing failure is tried again, times the attempt.
const PAUSE: Duration = Duration::from_secs(3);

/// How a claimed job ended here.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done, or there was nothing left to do.
    Done,
    /// It failed for good, for this reason.
    Failed(String),
    /// It was given back: this runner stops, or the failure may pass.
    Released(String),
    /// Another runner has it, or the bucket is away and its lease will run out.
    Lost,
}

/// What jobs are done with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: TranscoderConfig,
    pub(crate) bucket: Bucket,
    pub(crate) videos: Videos,
    pub(crate) jobs: Jobs,
    pub(crate) settings: SettingsStore,
    pub(crate) migrations: Migrations,
    pub(crate) encoders: Encoders,
    pub(crate) scratch: Scratch,
}

impl Worker {
    /// Connects to the bucket, and sweeps what killed runners left in the scratch folder.
    ///
    /// # Errors
    /// [`Failure::Passing`] if there is no scratch folder.
    pub async fn connect(config: TranscoderConfig) -> Result<Self, Failure> {
        let scratch = Scratch::open(&config.scratch)?;
        scratch.sweep();
        let bucket = Bucket::connect(&config.bucket).await;
        let inner = Inner {
            videos: Videos::new(bucket.clone()),
            jobs: Jobs::new(bucket.clone()).with_leases_of(config.pace.lease),
            settings: SettingsStore::new(bucket.clone()),
            migrations: Migrations::new(bucket.clone()),
            encoders: Encoders::new(config.tools.clone()),
            bucket,
            scratch,
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The jobs of the bucket.
    pub fn jobs(&self) -> &Jobs {
        &self.inner.jobs
    }

    /// Moves the migration on. What fails here another tender does.
    pub async fn tend(&self) {
        if let Err(error) = self.inner.migrations.tend().await {
            tracing::warn!(%error, "the migration could not be tended");
        }
    }

    /// Tries the encoders and says under `name` which work here; gives whether that could be written.
    pub async fn report_encoders(&self, name: &str) -> bool {
        let settings = self.inner.settings.current().await.unwrap_or_default();
        let report = self.inner.encoders.measure(name, &settings).await;
        tracing::info!(gpu = report.gpu_available, encoders = ?report.encoders, "encoders measured");
        let written = self.inner.bucket.put(&DocumentKey::Runner(name.to_owned()), &report).await;
        written.inspect_err(|error| tracing::warn!(%error, "the encoders could not be reported")).is_ok()
    }

    /// The name that leases are taken in.
    pub fn name(&self) -> &str {
        &self.inner.config.runner_name
    }

    /// Takes the job. A lease that nobody renews is waited for: a container that AWS Batch puts in
    /// the place of a lost one may begin before the lost one's lease has run out.
    ///
    /// # Errors
    /// [`UpdateError`]: it has ended, or a living runner holds it.
    pub async fn claim(&self, id: &JobId) -> Result<(Job, Lease), UpdateError<JobError>> {
        let lease = self.inner.config.pace.lease;
        let patience = self.jobs().now() + lease + lease;
        loop {
            match self.jobs().claim(id, self.name()).await {
                Err(UpdateError::Refused(JobError::Held(until) | JobError::WaitsForSpace(until)))
                    if until < patience =>
                {
                    let left = self.jobs().now().duration_until(until).max(SignedDuration::ZERO);
                    tokio::time::sleep(left.unsigned_abs()).await;
                }
                claimed => return claimed,
            }
        }
    }

    /// Does the job, beats meanwhile, and records how it ended. `stop` gives it back at once, as does what turns out to
    /// be more than `most` seconds of work.
    pub async fn run(&self, job: Job, lease: Lease, most: Option<f64>, stop: impl Future<Output = ()>) -> Outcome {
        let id = job.id.clone();
        let attempt = lease.attempt();
        tracing::info!(job = %id, attempt, "begun");
        let held = Held::new(self.inner.jobs.clone(), self.inner.videos.clone(), job, lease);
        let progress = Progress::default();
        // Whichever ends first drops the others, and with them FFmpeg and every upload.
        let work = async {
            tokio::select! {
                lost = held.beat(&progress) => Err(lost),
                done = Box::pin(Task::run(&self.inner, &held, &progress, most)) => done,
            }
        };
        let mut stop = std::pin::pin!(stop);
        let result = tokio::select! {
            () = &mut stop => None,
            result = work => Some(result),
        };
        let outcome = match result {
            None => given_back(held.release(false).await, "this runner stops".to_owned()),
            Some(result) => settle(&held, &self.inner.bucket, &progress, result, stop).await,
        };
        tracing::info!(job = %id, attempt, ?outcome, "ended");
        outcome
    }
}

/// Records how the work came out.
async fn settle(
    held: &Held,
    bucket: &Bucket,
    progress: &Progress,
    result: Result<(), Failure>,
    stop: impl Future<Output = ()>,
) -> Outcome {
    let recorded = |recorded: Result<(), Failure>, outcome: Outcome| match recorded {
        Ok(()) => outcome,
        Err(error) => {
            tracing::warn!(job = %held.job.id, %error, "the end of the job could not be recorded");
            Outcome::Lost
        }
    };
    match result {
        Ok(()) => recorded(held.complete().await, Outcome::Done),
        Err(Failure::Moot(why)) => {
            let noted = held.note(vec![format!("ended early: {why}")]).await;
            recorded(noted.and(held.complete().await), Outcome::Done)
        }
        Err(Failure::LeaseLost) => Outcome::Lost,
        Err(Failure::NoSpace(why)) => {
            tracing::warn!(job = %held.job.id, why, "waits for disk space");
            given_back(held.wait_for_space(bucket).await, why.to_owned())
        }
        // At once and not as an attempt: it is noted how long it is, so no such lane takes it again.
        Err(long @ Failure::TooLong(_)) => given_back(held.release(false).await, long.to_string()),
        Err(Failure::Permanent { reason, log }) => recorded(held.fail(&reason, &log).await, Outcome::Failed(reason)),
        Err(Failure::Crashed { reason, log } | Failure::Passing { reason, log })
            if held.lease.attempt() >= MAX_ATTEMPTS =>
        {
            recorded(held.fail(&reason, &log).await, Outcome::Failed(reason))
        }
        Err(Failure::Crashed { reason, .. } | Failure::Passing { reason, .. } | Failure::NotCopyable(reason)) => {
            tracing::warn!(job = %held.job.id, reason, "to be tried again");
            // Not at once: what failed now would fail again. The lease is held meanwhile.
            tokio::select! {
                () = tokio::time::sleep(PAUSE * held.lease.attempt()) => {}
                _ = held.beat(progress) => {}
                () = stop => {}
            }
            given_back(held.release(true).await, reason)
        }
    }
}

fn given_back(released: Result<(), Failure>, why: String) -> Outcome {
    match released {
        Ok(()) => Outcome::Released(why),
        Err(error) => {
            tracing::warn!(%error, "the job could not be given back; its lease will run out");
            Outcome::Lost
        }
    }
}
