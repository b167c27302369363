//! A job that this runner holds: its lease, its heartbeat and its notes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clipset_bucket::{Bucket, Jobs, UpdateError, Videos};
use clipset_core::{
    id::EncodeId,
    job::{Job, Lease},
    key::prefixes_of,
    video::Video,
};

use crate::failure::Failure;

/// However long the lease, progress is told at first after so long: with the write itself, within 2 s.
const FIRST_BEAT: Duration = Duration::from_millis(1500);

/// The video is looked at so often, or with each beat, in case it was deleted.
const LOOK_EVERY: Duration = Duration::from_secs(6);

/// How far a job is, 0 to 1. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    shared: Arc<AtomicU64>,
}

impl Progress {
    /// Sets it.
    pub fn set(&self, progress: f64) {
        self.shared.store(progress.clamp(0.0, 1.0).to_bits(), Ordering::Relaxed);
    }

    /// Reads it.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.shared.load(Ordering::Relaxed))
    }

    /// Sets it between `from` and `to` by the `done` seconds of `all`.
    pub fn within(&self, from: f64, to: f64, done: f64, all: Option<f64>) {
        let part = all.filter(|all| *all > 0.0).map_or(0.0, |all| (done / all).clamp(0.0, 1.0));
        self.set(from + (to - from) * part);
    }
}

/// A claimed job.
#[derive(Debug, Clone)]
pub struct Held {
    jobs: Jobs,
    videos: Videos,
    /// As it was when claimed.
    pub job: Job,
    /// Shown with every change.
    pub lease: Lease,
}

impl Held {
    /// A job just claimed.
    pub fn new(jobs: Jobs, videos: Videos, job: Job, lease: Lease) -> Self {
        Self { jobs, videos, job, lease }
    }

    /// Beats until the job is lost or its video is deleted, and answers which.
    pub async fn beat(&self, progress: &Progress) -> Failure {
        let patience = self.lease.life().unsigned_abs();
        let begun = Instant::now();
        let (mut heard, mut looked) = (begun, begun);
        loop {
            tokio::time::sleep(pause(&self.lease, begun.elapsed())).await;
            match self.beat_once(progress).await {
                Ok(()) => heard = Instant::now(),
                Err(Failure::LeaseLost) => return Failure::LeaseLost,
                // The bucket is away. When the lease has run out, another runner may hold the job.
                Err(_) if heard.elapsed() > patience => return Failure::LeaseLost,
                Err(_) => {}
            }
            if looked.elapsed() < LOOK_EVERY {
                continue;
            }
            looked = Instant::now();
            if let Ok(found) = self.videos.get(&self.job.video).await
                && found.is_none_or(|video| video.value.is_deleted())
            {
                return Failure::Moot("the video was deleted");
            }
        }
    }

    /// Renews the lease.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn beat_once(&self, progress: &Progress) -> Result<(), Failure> {
        self.update(|job| job.beat(&self.lease, progress.get(), self.jobs.now())).await
    }

    /// Says below which new uuid objects are about to be written, before the first is.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn new_encode(&self) -> Result<EncodeId, Failure> {
        let id = EncodeId::random();
        // The change may run twice, the uuid is noted once.
        self.update(|job| if job.writing.contains(&id) { Ok(()) } else { job.will_write(&self.lease, id) }).await?;
        Ok(id)
    }

    /// Notes how much work it is, in seconds.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn expect_work(&self, seconds: f64) -> Result<(), Failure> {
        self.update(|job| job.expect_work(&self.lease, seconds)).await
    }

    /// Notes what was decided.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn note(&self, notes: Vec<String>) -> Result<(), Failure> {
        self.update(|job| job.note(&self.lease, notes.clone())).await
    }

    /// The job is done.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn complete(&self) -> Result<(), Failure> {
        self.update(|job| job.complete(&self.lease, self.jobs.now())).await?;
        self.close().await
    }

    /// The job and its video have failed for good.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn fail(&self, reason: &str, log: &[String]) -> Result<(), Failure> {
        // The lease first: whoever lost it must not touch the video.
        self.beat_once(&Progress::default()).await?;
        match self.videos.update(&self.job.video, |video| video.fail(reason.to_owned())).await {
            // Deleted meanwhile, or nothing can be said there any more: the job ends all the same.
            Ok(_) | Err(UpdateError::Refused(_) | UpdateError::Missing) => {}
            Err(UpdateError::Bucket(error)) if error.is_unreadable() => {}
            Err(UpdateError::Bucket(error)) => return Err(error.into()),
        }
        self.update(|job| job.fail(&self.lease, reason.to_owned(), log.to_vec(), self.jobs.now())).await?;
        self.close().await
    }

    /// Gives the job back for another try; `counts` as one of its attempts or not.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn release(&self, counts: bool) -> Result<(), Failure> {
        self.update(|job| job.release(&self.lease, counts)).await?;
        Ok(self.jobs.announce().await?)
    }

    /// Gives the job back until there may be space again, and removes what it wrote so far.
    ///
    /// # Errors
    /// [`Failure::LeaseLost`], [`Failure::Passing`].
    pub async fn wait_for_space(&self, bucket: &Bucket) -> Result<(), Failure> {
        // The lease first: whoever lost it must not touch the video.
        self.beat_once(&Progress::default()).await?;
        let written = self.jobs.get(&self.job.id).await?.map(|job| job.writing).unwrap_or_default();
        match self.videos.update(&self.job.video, Video::wait_again).await {
            Ok(video) => {
                let kept = video.ids();
                for id in written.iter().filter(|id| !kept.contains(id)) {
                    for prefix in prefixes_of(*id) {
                        bucket.remove_all(&prefix).await?;
                    }
                }
            }
            // Deleted meanwhile: the next to claim it finds that out.
            Err(UpdateError::Refused(_) | UpdateError::Missing) => {}
            Err(UpdateError::Bucket(error)) => return Err(error.into()),
        }
        self.update(|job| job.wait_for_space(&self.lease, self.jobs.now())).await?;
        Ok(self.jobs.announce().await?)
    }

    async fn close(&self) -> Result<(), Failure> {
        Ok(self.jobs.close(&self.job).await?)
    }

    async fn update(
        &self,
        change: impl FnMut(&mut Job) -> Result<(), clipset_core::job::JobError>,
    ) -> Result<(), Failure> {
        self.jobs.update(&self.job.id, change).await.map(drop).map_err(Failure::from)
    }
}

/// Until the next beat of a job that has been at work for so long: what is told is at most a tenth of that old.
fn pause(lease: &Lease, at_work: Duration) -> Duration {
    lease.beat_every().unsigned_abs().min(FIRST_BEAT.max(at_work / 10))
}

#[cfg(test)]
mod tests {
    use clipset_core::{
        Timestamp,
        id::ShortId,
        job::{JobKind, LEASE, LONG_LEASE},
    };

    use super::*;

    #[test]
    fn an_hour_of_work_beats_2400_times_where_that_is_free_and_less_than_300_times_where_it_is_paid_for() {
        let beats = |life| {
            let now = Timestamp::UNIX_EPOCH;
            let mut job = Job::new(ShortId::random(), JobKind::First, 1, now).expect("a job");
            let lease = job.entrust("one", life, now).expect("waiting");
            let hour = Duration::from_secs(3600);
            std::iter::successors(Some(Duration::ZERO), |at| Some(*at + pause(&lease, *at)))
                .take_while(|at| *at < hour)
                .count()
        };
        assert_eq!(beats(LEASE), 2400);
        assert!((250..300).contains(&beats(LONG_LEASE)), "{}", beats(LONG_LEASE));
    }

    #[test]
    fn progress_moves_within_its_phase() {
        let progress = Progress::default();
        progress.within(0.2, 0.6, 5.0, Some(10.0));
        assert!((progress.get() - 0.4).abs() < 1e-9);
        progress.within(0.2, 0.6, 99.0, Some(10.0));
        assert!((progress.get() - 0.6).abs() < 1e-9);
        progress.within(0.2, 0.6, 5.0, None);
        assert!((progress.get() - 0.2).abs() < 1e-9);
    }
}
