//! Jobs that run elsewhere: begun once, followed, and begun again when they were lost.
//!
//! The job's own document is the truth, its lease decides who may publish, and the [`Dispatch`]
//! beside it says which round counts. Events may come twice, late or never: each is compared with
//! both documents, and [`Dispatcher::review`] asks the backend for what was not heard.

use std::sync::Arc;

use clipset_bucket::{BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    id::JobId,
    job::{Job, JobError, JobState, Lease, MAX_ATTEMPTS},
    key::DocumentKey,
    video::{Video, VideoError},
};
use clipset_service::{Metrics, Service};
use jiff::SignedDuration;

use crate::{
    backend::{Backend, BackendError, Death, Order, Output, Report},
    dispatch::{Dispatch, Name, Place},
    handler::EventError,
    outputs::{self, OutputError},
};

/// A job that has not begun within this time is given to the other place.
pub const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// For so long a service that does not beat may hold a job without being asked how it goes.
const TRUST: SignedDuration = SignedDuration::from_hours(24);

/// A backend that cannot be asked for so long fails the jobs that wait for it.
const LONGEST_AWAY: SignedDuration = SignedDuration::from_hours(24);

const DISPATCHES: &str = "jobs/dispatches/";

/// Gives jobs to a backend and follows them.
pub struct Dispatcher {
    pub(crate) service: Arc<Service>,
    backend: Arc<dyn Backend>,
    metrics: Option<Metrics>,
}

impl Dispatcher {
    /// Jobs of `service` to `backend`; counted by `metrics`.
    pub fn new(service: Arc<Service>, backend: Arc<dyn Backend>, metrics: Option<Metrics>) -> Self {
        Self { service, backend, metrics }
    }

    /// A job stands in the queue: it is begun, unless it was.
    ///
    /// # Errors
    /// [`EventError`].
    pub async fn begin(&self, id: &JobId) -> Result<(), EventError> {
        let Some(job) = self.service.jobs.get(id).await? else { return Ok(()) };
        if job.has_ended() {
            return self.close(&job).await;
        }
        let first = Dispatch::first(id.clone(), Timestamp::now());
        let key = DocumentKey::Dispatch(id.clone());
        let made = self.service.bucket.upsert(&key, |found: Option<Dispatch>| {
            Ok::<_, UpdateError<std::convert::Infallible>>(found.unwrap_or_else(|| first.clone()))
        });
        let dispatch = settled(made.await.map(|made| made.value))?;
        self.submit(&job, dispatch).await
    }

    /// The backend says how a round goes.
    ///
    /// # Errors
    /// [`EventError`].
    pub async fn hear(&self, name: &Name, given: &str, report: Report) -> Result<(), EventError> {
        let Some((job, dispatch)) = self.open(&name.job).await? else { return Ok(()) };
        if dispatch.round != name.round {
            tracing::info!(%name, now = dispatch.round, "heard of another round");
            // Whoever began the present round may have been killed on the way.
            return self.submit(&job, dispatch).await;
        }
        if dispatch.given.as_deref().is_some_and(|known| known != given) {
            tracing::info!(%name, given, "heard of a second job of the same name");
            return Ok(());
        }
        let dispatch = match dispatch.given {
            Some(_) => dispatch,
            None => self.change(&dispatch, |found| found.given = Some(given.to_owned())).await?,
        };
        self.act(&job, dispatch, given, report, Timestamp::now()).await
    }

    /// Asks the backend for all jobs that have not ended: begins what nobody began, hears what was missed, and gives
    /// away what does not begin. A failure with one is no reason to leave the others.
    ///
    /// # Errors
    /// The last [`EventError`].
    pub async fn review(&self, now: Timestamp) -> Result<(), EventError> {
        let queue = self.service.jobs.queue().await?;
        let known = self.service.bucket.children(DISPATCHES).await?;
        let known = known.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<JobId>().ok());
        let mut outcome = Ok(());
        let mut oldest = now;
        for id in queue.iter().cloned().chain(known.filter(|id| !queue.contains(id))) {
            let reviewed = self.review_one(&id, now, &mut oldest).await;
            if let Err(error) = reviewed {
                tracing::error!(job = %id, %error, "a job could not be reviewed");
                // Asking again would find the same; `clipset repair` mends it.
                if !error.is_unreadable() {
                    outcome = Err(error);
                }
            }
        }
        self.measure("QueueAge", "Seconds", oldest.duration_until(now).as_secs_f64());
        outcome
    }

    async fn review_one(&self, id: &JobId, now: Timestamp, oldest: &mut Timestamp) -> Result<(), EventError> {
        let Some((job, dispatch)) = self.open(id).await? else { return self.begin(id).await };
        // One that is held for a service that has not taken it waits as well.
        if job.state == JobState::Waiting || dispatch.given.is_none() {
            *oldest = job.created_at.min(*oldest);
        }
        let Some(given) = dispatch.given.clone() else { return self.submit(&job, dispatch).await };
        // What the backend has forgotten has ended long ago.
        let report = self.backend.report(&given).await?.unwrap_or(Report::Failed(Death::Lost));
        self.act(&job, dispatch, &given, report, now).await
    }

    async fn act(
        &self,
        job: &Job,
        dispatch: Dispatch,
        given: &str,
        report: Report,
        now: Timestamp,
    ) -> Result<(), EventError> {
        let held = self.backend.is_held_for();
        match report {
            Report::Waiting if dispatch.since + PATIENCE < now => self.hand_over(job, &dispatch).await,
            Report::Blocked => self.hand_over(job, &dispatch).await,
            Report::Running(Some(progress)) if held => {
                let Some(lease) = held_as(job, &dispatch.name()) else { return Ok(()) };
                let advanced = self.service.jobs.update(&job.id, |job| job.advance(&lease, progress)).await;
                unless_refused(advanced.map(drop))
            }
            Report::Waiting | Report::Running(_) => Ok(()),
            Report::Succeeded(output) if held => self.publish(job, &dispatch, output).await,
            // A Batch job that succeeds completes its document first; reaching this means it did not.
            Report::Succeeded(_) => self.lost(job, &dispatch, given, &Death::Lost).await,
            Report::Failed(death) => self.lost(job, &dispatch, given, &death).await,
        }
    }

    /// Asks the backend to run the dispatch's round, if nobody has.
    async fn submit(&self, job: &Job, dispatch: Dispatch) -> Result<(), EventError> {
        if dispatch.given.is_some() {
            return Ok(());
        }
        if let Some(before) = &dispatch.to_stop {
            self.backend.stop(before, "It did not begin in time and was given to another queue.").await?;
        }
        let found = self.service.videos.get(&job.video).await?.map(|found| found.value);
        let Some(video) = found.filter(|video| !video.is_deleted()) else {
            return self.give_up(job, "The video was deleted.").await;
        };
        if self.backend.is_held_for() && !self.hold(job, &dispatch).await? {
            return Ok(());
        }
        let settings = self.service.settings.current().await?;
        let order = Order { job, video: &video, settings: &settings, dispatch: &dispatch };
        let given = match self.backend.submit(order).await {
            Ok(given) => given,
            Err(error) => return self.not_taken(job, &dispatch, error).await,
        };
        tracing::info!(job = %job.id, round = dispatch.round, given, place = ?dispatch.place, "given to the backend");
        self.measure("JobsStarted", "Count", 1.0);
        self.change(&dispatch, |found| found.given = Some(given.clone())).await.map(drop)
    }

    /// The backend has not taken the job: what may pass comes again with the event or the next review, until it is time to
    /// tell the owner. Each time is counted, so that an alarm tells whoever can mend it.
    async fn not_taken(&self, job: &Job, dispatch: &Dispatch, error: BackendError) -> Result<(), EventError> {
        let is_over = match &error {
            BackendError::Refused(_) => true,
            BackendError::Denied { .. } => {
                self.measure("JobsNotTaken", "Count", 1.0);
                self.change(dispatch, |found| found.denied += 1).await?.denied >= MAX_ATTEMPTS
            }
            BackendError::Failed { .. } => {
                self.measure("JobsNotTaken", "Count", 1.0);
                dispatch.since + LONGEST_AWAY < Timestamp::now()
            }
        };
        if !is_over {
            return Err(error.into());
        }
        tracing::error!(job = %job.id, %error, "the job was not taken, and fails");
        self.free(job, &dispatch.name().to_string()).await?;
        self.give_up(job, &error.sentence()).await
    }

    /// Holds the job for a service that takes no lease; false if somebody else has it, or nobody may have it any more.
    async fn hold(&self, job: &Job, dispatch: &Dispatch) -> Result<bool, EventError> {
        let runner = dispatch.name().to_string();
        let held = self.service.jobs.update(&job.id, |job| {
            let lease = match held_as(job, &dispatch.name()) {
                Some(lease) => lease,
                None => job.entrust(&runner, TRUST, Timestamp::now())?,
            };
            for id in dispatch.outputs.ids() {
                if !job.writing.contains(&id) {
                    job.will_write(&lease, id)?;
                }
            }
            Ok(())
        });
        match held.await {
            Ok(_) => {}
            Err(UpdateError::Refused(JobError::TooManyAttempts)) => {
                self.give_up(job, &Death::Lost.sentence()).await?;
                return Ok(false);
            }
            Err(UpdateError::Refused(_) | UpdateError::Missing) => return Ok(false),
            Err(UpdateError::Bucket(error)) => return Err(error.into()),
        }
        let begun = self.service.videos.update(&job.video, Video::start_processing).await;
        unless_refused(begun.map(drop)).map(|()| true)
    }

    /// A round ended without an end of its job: another begins, or the job has failed.
    async fn lost(&self, job: &Job, dispatch: &Dispatch, given: &str, death: &Death) -> Result<(), EventError> {
        let name = dispatch.name().to_string();
        let runner = if self.backend.is_held_for() { &name } else { given };
        self.free(job, runner).await?;
        let Some((job, dispatch_now)) = self.open(&job.id).await? else { return Ok(()) };
        let held = matches!(&job.state, JobState::Leased(lease) if lease.until() > Timestamp::now());
        if held || dispatch_now.round != dispatch.round {
            // In good hands: a runner at home has it, or another event was faster.
            return Ok(());
        }
        tracing::warn!(job = %job.id, round = dispatch.round, ?death, "a round was lost");
        if death.is_final() || job.attempts.max(dispatch.lost + 1) >= MAX_ATTEMPTS {
            return self.give_up(&job, &death.sentence()).await;
        }
        // Batch has tried again in the same place already.
        let moves = *death == Death::Reclaimed && self.backend.has_fallback();
        let next = dispatch.after_loss(Timestamp::now(), if moves { Place::Fallback } else { dispatch.place });
        let next = self.change(dispatch, |found| *found = next.clone()).await?;
        self.submit(&job, next).await
    }

    /// Takes the job from a runner that is known to be dead.
    async fn free(&self, job: &Job, runner: &str) -> Result<(), EventError> {
        let freed = self.service.jobs.update(&job.id, |job| job.bury(runner)).await;
        unless_refused(freed.map(drop))
    }

    /// The job did not begin where it was given: it goes to the other place, if there is one.
    async fn hand_over(&self, job: &Job, dispatch: &Dispatch) -> Result<(), EventError> {
        if dispatch.place == Place::Fallback || !self.backend.has_fallback() {
            return Ok(());
        }
        tracing::warn!(job = %job.id, "it did not begin in time, and goes to the fall-back queue");
        let next = dispatch.at_fallback(Timestamp::now());
        let next = self.change(dispatch, |found| *found = next.clone()).await?;
        self.submit(job, next).await
    }

    /// A service that names its outputs itself has written them: our playlists go over them, players get them, and
    /// the job is done. What was done of that before is not done again.
    async fn publish(&self, job: &Job, dispatch: &Dispatch, output: Output) -> Result<(), EventError> {
        let Some(lease) = held_as(job, &dispatch.name()) else { return Ok(()) };
        let publication = match outputs::publication(&self.service.bucket, job, dispatch.outputs, output).await {
            Ok(publication) => publication,
            Err(OutputError::Bucket(error)) => return Err(error.into()),
            Err(OutputError::NotWhole(reason)) => {
                tracing::error!(job = %job.id, reason, "what the service wrote cannot be published");
                return self.lost(job, dispatch, "", &Death::Refused(outputs::UNREADABLE.to_owned())).await;
            }
        };
        let until = clipset_core::video::retire_at(Timestamp::now(), self.service.config.signature_life);
        let publish = |video: &mut Video| video.publish(publication.clone(), until);
        match self.service.videos.update(&job.video, publish).await {
            Ok(_) => {
                tracing::info!(job = %job.id, video = %job.video, "published");
                self.measure("JobsPublished", "Count", 1.0);
            }
            // Done by the same event before, or the video was deleted meanwhile.
            Err(UpdateError::Refused(VideoError::AlreadyPublished(_) | VideoError::WrongPhase { .. })) => {}
            Err(UpdateError::Missing) => {}
            Err(UpdateError::Bucket(error)) => return Err(error.into()),
        }
        let done = self.service.jobs.update(&job.id, |job| job.complete(&lease, Timestamp::now())).await;
        unless_refused(done.map(drop))?;
        self.close(job).await
    }

    async fn give_up(&self, job: &Job, reason: &str) -> Result<(), EventError> {
        self.service.jobs.give_up(&job.id, reason).await?;
        self.measure("JobsFailed", "Count", 1.0);
        self.open(&job.id).await.map(drop)
    }

    /// The job and its dispatch, unless the job has ended or is gone: then it is closed.
    async fn open(&self, id: &JobId) -> Result<Option<(Job, Dispatch)>, EventError> {
        let key = DocumentKey::Dispatch(id.clone());
        let Some(job) = self.service.jobs.get(id).await? else {
            self.service.bucket.remove(&key).await?;
            return Ok(None);
        };
        if job.has_ended() {
            self.close(&job).await?;
            return Ok(None);
        }
        Ok(self.service.bucket.read(&key).await?.map(|found| (job, found.value)))
    }

    /// Takes what has ended out of the queue.
    async fn close(&self, job: &Job) -> Result<(), EventError> {
        self.service.jobs.close(job).await?;
        Ok(self.service.bucket.remove(&DocumentKey::Dispatch(job.id.clone())).await?)
    }

    /// Changes the dispatch as long as its round is the one that `seen` is; gives it as it is then.
    async fn change(&self, seen: &Dispatch, change: impl Fn(&mut Dispatch)) -> Result<Dispatch, EventError> {
        let key = DocumentKey::Dispatch(seen.job.clone());
        let changed = self.service.bucket.update(&key, |found: &mut Dispatch| {
            if found.round == seen.round {
                change(found);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        match changed.await {
            Ok(found) => Ok(found.value),
            // Another event has ended the job meanwhile: nothing is left to be submitted.
            Err(UpdateError::Missing) => Ok(Dispatch { given: Some(String::new()), ..seen.clone() }),
            Err(UpdateError::Bucket(error)) => Err(error.into()),
            Err(UpdateError::Refused(never)) => match never {},
        }
    }

    fn measure(&self, name: &str, unit: &str, value: f64) {
        if let Some(metrics) = &self.metrics {
            metrics.record(&[(name, unit, value)], serde_json::Map::new());
        }
    }
}

/// The lease, if the round `name` holds it.
fn held_as(job: &Job, name: &Name) -> Option<Lease> {
    match &job.state {
        JobState::Leased(lease) if lease.runner() == name.to_string() => Some(lease.clone()),
        _ => None,
    }
}

/// What the document did not allow is not to be done any more; only the bucket's failures count.
fn unless_refused<E>(outcome: Result<(), UpdateError<E>>) -> Result<(), EventError> {
    match outcome {
        Ok(()) | Err(UpdateError::Refused(_) | UpdateError::Missing) => Ok(()),
        Err(UpdateError::Bucket(error)) => Err(error.into()),
    }
}

fn settled<T>(outcome: Result<T, UpdateError<std::convert::Infallible>>) -> Result<T, BucketError> {
    match outcome {
        Ok(value) => Ok(value),
        Err(UpdateError::Bucket(error)) => Err(error),
        Err(UpdateError::Refused(never)) => match never {},
        Err(UpdateError::Missing) => unreachable!("one that is missing is made"),
    }
}
