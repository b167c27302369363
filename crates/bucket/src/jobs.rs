//! Jobs and their queue: enqueued once, claimed by one runner at a time.

use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId},
    job::{Job, JobError, JobKind, Lease},
    key::DocumentKey,
};
use uuid::Uuid;

use crate::{Bucket, BucketError, Etag, Stored, UpdateError, Videos};

const QUEUE: &str = "jobs/queue/";

/// What the owner is told of a job that lost too many runners.
const LOST_RUNNERS: &str =
    "The video could not be prepared: the work on it was begun three times and never came to an end.";

/// The jobs of a bucket.
#[derive(Debug, Clone)]
pub struct Jobs {
    bucket: Bucket,
}

impl Jobs {
    /// Of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// The time that leases are counted by: see [`Bucket::now`].
    pub fn now(&self) -> Timestamp {
        self.bucket.now()
    }

    /// One job; `None` if there is none of this id.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn get(&self, id: &JobId) -> Result<Option<Job>, BucketError> {
        Ok(self.bucket.read(&DocumentKey::Job(id.clone())).await?.map(|found| found.value))
    }

    /// Makes a job known to runners. One that exists already stays as it is, so a caller that was
    /// interrupted does it again: the same job twice is impossible.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn enqueue(&self, job: &Job) -> Result<(), BucketError> {
        match self.bucket.create(&DocumentKey::Job(job.id.clone()), job).await {
            Ok(_) => {}
            Err(BucketError::Conflict { .. }) if self.get(&job.id).await?.is_none_or(|held| held.has_ended()) => {
                return Ok(());
            }
            Err(BucketError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        let held = self.get(&job.id).await?.unwrap_or_else(|| job.clone());
        self.bucket.put(&DocumentKey::QueueEntry(held.queue_entry()), &()).await?;
        self.announce().await
    }

    /// Changes a job.
    ///
    /// # Errors
    /// [`UpdateError`], with what `change` refused.
    pub async fn update<E>(
        &self,
        id: &JobId,
        change: impl FnMut(&mut Job) -> Result<(), E>,
    ) -> Result<Job, UpdateError<E>> {
        Ok(self.bucket.update(&DocumentKey::Job(id.clone()), change).await?.value)
    }

    /// Gives job `id` to `runner`. A job that lost too many runners is failed, with its video.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] with the reason why it may not have it.
    pub async fn claim(&self, id: &JobId, runner: &str) -> Result<(Job, Lease), UpdateError<JobError>> {
        let mut lease = None;
        let claimed = self.update(id, |job| {
            lease = Some(job.claim(runner, self.now())?);
            Ok(())
        });
        match claimed.await {
            Ok(job) => Ok((job, lease.expect("the change ran"))),
            Err(refused @ UpdateError::Refused(JobError::TooManyAttempts)) => {
                self.give_up(id, LOST_RUNNERS).await?;
                Err(refused)
            }
            Err(error) => Err(error),
        }
    }

    /// Gives `runner` the next job of `kinds` that waits or whose runner was lost; `None` if there
    /// is none.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn claim_next(&self, runner: &str, kinds: &[JobKind]) -> Result<Option<(Job, Lease)>, BucketError> {
        for entry in self.bucket.children(QUEUE).await? {
            let of_kind = kinds.iter().any(|kind| entry.starts_with(&format!("{}-", *kind as u8)));
            let Some(id) = Job::id_of_entry(&entry).ok().filter(|_| of_kind) else { continue };
            match self.claim(&id, runner).await {
                Ok(claimed) => return Ok(Some(claimed)),
                Err(UpdateError::Refused(JobError::Ended) | UpdateError::Missing) => {
                    self.bucket.remove(&DocumentKey::QueueEntry(entry)).await?;
                }
                // Held, given up just now, or another runner was faster.
                Err(UpdateError::Refused(_)) | Err(UpdateError::Bucket(BucketError::Conflict { .. })) => {}
                Err(UpdateError::Bucket(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Takes a job that ended out of the queue.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn close(&self, job: &Job) -> Result<(), BucketError> {
        self.bucket.remove(&DocumentKey::QueueEntry(job.queue_entry())).await
    }

    /// Whether anything was enqueued or released since `seen`, which is brought up to date. One
    /// small conditional read: a listing every 2 s would cost dollars a month.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn news(&self, seen: &mut Option<Etag>) -> Result<bool, BucketError> {
        match self.bucket.read_if_changed::<Uuid>(&DocumentKey::JobMarker, seen.as_ref()).await? {
            Stored::Unchanged => Ok(false),
            Stored::Absent => Ok(seen.take().is_some()),
            Stored::Changed(marker) => {
                *seen = Some(marker.etag);
                Ok(true)
            }
        }
    }

    /// Tells runners that there is something to look for.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn announce(&self) -> Result<(), BucketError> {
        self.bucket.put(&DocumentKey::JobMarker, &Uuid::new_v4()).await.map(drop)
    }

    /// The ids of the jobs in the queue, in the order of their turns.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn queue(&self) -> Result<Vec<JobId>, BucketError> {
        let entries = self.bucket.children(QUEUE).await?;
        Ok(entries.iter().filter_map(|entry| Job::id_of_entry(entry).ok()).collect())
    }

    /// What the jobs in the queue are writing below, for a sweep to leave alone.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn writing(&self) -> Result<Vec<EncodeId>, BucketError> {
        let mut writing = Vec::new();
        for id in self.queue().await? {
            writing.extend(self.get(&id).await?.into_iter().flat_map(|job| job.writing));
        }
        Ok(writing)
    }

    /// Fails a job that nobody holds, with its video, for `reason`: a sentence for the owner.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn give_up(&self, id: &JobId, reason: &str) -> Result<(), BucketError> {
        let job = match self.update(id, |job| job.give_up(reason.to_owned(), self.now())).await {
            Ok(job) => job,
            Err(UpdateError::Bucket(error)) => return Err(error),
            Err(_) => return Ok(()),
        };
        let videos = Videos::new(self.bucket.clone());
        match videos.update(&job.video, |video| video.fail(reason.to_owned())).await {
            Ok(_) | Err(UpdateError::Refused(_) | UpdateError::Missing) => self.close(&job).await,
            Err(UpdateError::Bucket(error)) => Err(error),
        }
    }
}
