//! Jobs and their queue: enqueued once, claimed by one runner at a time.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
};

use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    job::{Job, JobError, JobKind, LEASE, Lease},
    key::DocumentKey,
};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::{Bucket, BucketError, Etag, Stored, UpdateError, Videos, turns::Turns};

/// What the owner is told of a job that lost too many runners.
const LOST_RUNNERS: &str =
    "The video could not be prepared: the work on it was begun three times and never came to an end.";

/// The jobs of a bucket.
#[derive(Debug, Clone)]
pub struct Jobs {
    bucket: Bucket,
    /// How long a lease lasts that is taken here.
    life: SignedDuration,
    turns: Arc<Turns>,
    /// Jobs of which the log was told that they cannot be read.
    unreadable: Arc<Mutex<BTreeSet<JobId>>>,
}

impl Jobs {
    /// Of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket, life: LEASE, turns: Arc::default(), unreadable: Arc::default() }
    }

    /// The same, with leases that last so long without a beat.
    #[must_use]
    pub fn with_leases_of(self, life: SignedDuration) -> Self {
        Self { life, ..self }
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

    /// Every job of one video that there is a document of.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn of_video(&self, id: &ShortId) -> Result<Vec<Job>, BucketError> {
        let mut jobs = Vec::new();
        for key in self.bucket.keys(&format!("{}{id}-", DocumentKey::JOBS)).await? {
            let name = key.strip_prefix(DocumentKey::JOBS).and_then(|name| name.strip_suffix(".json"));
            if let Some(id) = name.and_then(|name| name.parse().ok()) {
                jobs.extend(self.get(&id).await?);
            }
        }
        Ok(jobs)
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
        // What leads to that which is abandoned stands before it is.
        let notes = |before: Option<&Job>, after: &Job| {
            let grew = after.abandoned.len() > before.map_or(0, |before| before.abandoned.len());
            let ended = after.has_ended() && before.is_none_or(|before| !before.has_ended());
            let left = grew || (ended && !after.abandoned.is_empty());
            left.then(|| DocumentKey::Leftover(after.id.clone())).into_iter().collect()
        };
        Ok(self.bucket.update_noting(&DocumentKey::Job(id.clone()), notes, change).await?.value)
    }

    /// Gives job `id` to `runner`. A job that lost too many runners is failed, with its video.
    ///
    /// # Errors
    /// [`UpdateError::Refused`] with the reason why it may not have it.
    pub async fn claim(&self, id: &JobId, runner: &str) -> Result<(Job, Lease), UpdateError<JobError>> {
        self.claim_within(id, runner, None).await
    }

    async fn claim_within(
        &self,
        id: &JobId,
        runner: &str,
        most: Option<f64>,
    ) -> Result<(Job, Lease), UpdateError<JobError>> {
        let mut lease = None;
        let claimed = self.update(id, |job| {
            if most.is_some_and(|most| job.is_longer_than(most)) {
                return Err(JobError::TooLong);
            }
            lease = Some(job.entrust(runner, self.life, self.now())?);
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

    /// Gives `runner` the next job of `kinds` that waits or whose runner was lost, owners taking turns; `None` if
    /// there is none.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn claim_next(&self, runner: &str, kinds: &[JobKind]) -> Result<Option<(Job, Lease)>, BucketError> {
        self.claim_next_within(runner, kinds, None).await
    }

    /// As [`Jobs::claim_next`], and passes over what is known to be more than `most` seconds of work.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn claim_next_within(
        &self,
        runner: &str,
        kinds: &[JobKind],
        most: Option<f64>,
    ) -> Result<Option<(Job, Lease)>, BucketError> {
        let queue = self.bucket.children(DocumentKey::QUEUE).await?;
        for (entry, id) in self.turns.order(&self.bucket, queue, kinds, most).await {
            match self.claim_within(&id, runner, most).await {
                Ok(claimed) => {
                    self.turns.taken(&id);
                    return Ok(Some(claimed));
                }
                Err(UpdateError::Refused(JobError::TooLong)) => self.turns.is_longer(&id, most.unwrap_or_default()),
                Err(UpdateError::Refused(JobError::Ended) | UpdateError::Missing) => {
                    self.bucket.remove(&DocumentKey::QueueEntry(entry)).await?;
                }
                // Held, given up just now, or another runner was faster.
                Err(UpdateError::Refused(_)) | Err(UpdateError::Bucket(BucketError::Conflict { .. })) => {}
                // Its clip says so, and `clipset repair` mends it: the others have their turn meanwhile.
                Err(UpdateError::Bucket(error)) if error.is_unreadable() => self.passed_over(&id, &error),
                Err(UpdateError::Bucket(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Says once in this process that a job cannot be read, however often its turn comes.
    fn passed_over(&self, id: &JobId, error: &BucketError) {
        if self.unreadable.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone()) {
            tracing::error!(job = %id, %error, "a job is passed over: run `clipset repair`");
        }
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
        let entries = self.bucket.children(DocumentKey::QUEUE).await?;
        Ok(entries.iter().filter_map(|entry| Job::id_of_entry(entry).ok()).collect())
    }

    /// The highest number that a job of `kind` has, 0 if there is none: for a run of which nothing is known any more, and
    /// whose jobs must not be taken for those of the next one.
    pub(crate) async fn last_number(&self, kind: JobKind) -> Result<u32, BucketError> {
        let names = self.bucket.children(DocumentKey::JOBS).await?;
        let ids = names.iter().filter_map(|name| name.strip_suffix(".json"));
        let marked = format!("-{}-", kind.name());
        Ok(ids.filter_map(|id| id.split_once(&marked)?.1.parse().ok()).max().unwrap_or(0))
    }

    /// The jobs that a sweep must know: those in the queue and those that ended with something left, and the ids of
    /// those among them that cannot be read.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn unswept(&self) -> Result<(Vec<Job>, Vec<JobId>), BucketError> {
        let ended = self.bucket.children(DocumentKey::LEFTOVERS).await?;
        let ended = ended.iter().filter_map(|name| name.parse().ok());
        let ids: BTreeSet<JobId> = self.queue().await?.into_iter().chain(ended).collect();
        let (mut jobs, mut unreadable) = (Vec::new(), Vec::new());
        for id in ids {
            match self.get(&id).await {
                Ok(job) => jobs.extend(job),
                Err(error) if error.is_unreadable() => unreadable.push(id),
                Err(error) => return Err(error),
            }
        }
        Ok((jobs, unreadable))
    }

    /// Jobs that abandoned something, at most `most`, and a thousand. One that is not there any more is forgotten.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn left(&self, most: usize) -> Result<Vec<Job>, BucketError> {
        let mut left = Vec::new();
        for key in self.bucket.page(DocumentKey::LEFTOVERS, false, None, most.min(1000)).await? {
            let Some(id) = key.strip_prefix(DocumentKey::LEFTOVERS).and_then(|name| name.parse::<JobId>().ok()) else {
                continue;
            };
            match self.get(&id).await {
                Ok(Some(job)) if job.has_ended() || !job.abandoned.is_empty() => left.push(job),
                // Noted a moment before it abandons something, or until it ends.
                Ok(Some(_)) => {}
                Ok(None) => self.bucket.remove(&DocumentKey::Leftover(id)).await?,
                Err(error) if error.is_unreadable() => tracing::error!(%error, "what a job left is left alone"),
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    /// Forgets `swept` of what was abandoned.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn forget_abandoned(&self, id: &JobId, swept: &[EncodeId]) -> Result<(), BucketError> {
        let forgotten = self.update(id, |job| {
            job.abandoned.retain(|id| !swept.contains(id));
            Ok::<_, std::convert::Infallible>(())
        });
        match forgotten.await {
            Ok(job) if !job.has_ended() || !job.abandoned.is_empty() => Ok(()),
            Ok(_) | Err(UpdateError::Missing) => self.bucket.remove(&DocumentKey::Leftover(id.clone())).await,
            Err(UpdateError::Bucket(error)) => Err(error),
            Err(UpdateError::Refused(never)) => match never {},
        }
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
            // Nothing can be said there any more, and the job is over all the same.
            Err(UpdateError::Bucket(error)) if error.is_unreadable() => self.close(&job).await,
            Err(UpdateError::Bucket(error)) => Err(error),
        }
    }
}
