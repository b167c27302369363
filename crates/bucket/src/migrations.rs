//! The run in which older videos move to HLS: begun, tended and ended by whoever comes by.
//!
//! Nothing here trusts the caller to come again: each step leaves what the next tender needs, and what two tenders do
//! at once one conditional write decides.

use std::collections::BTreeSet;

use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind, JobState},
    key::DocumentKey,
    migration::{CHUNK, Ending, Failed, Migration, Planned},
    settings::OutputFormat,
};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Bucket, BucketError, Etag, Jobs, SettingsStore, UpdateError, Videos};

/// Documents read or written at once.
const PARALLEL: usize = 8;

/// Why a video was not moved whose document, or whose job's, cannot be read.
const DAMAGED_RECORD: &str = "its record is damaged";

/// The migrations of a bucket.
#[derive(Debug, Clone)]
pub struct Migrations {
    bucket: Bucket,
    jobs: Jobs,
    videos: Videos,
    settings: SettingsStore,
}

/// What a look at a job at work gave.
enum Look {
    /// It came to its end.
    Ended(ShortId, Ending),
    /// A runner works on it.
    Leased(Planned),
    /// It waits for a runner.
    Waiting(Job),
    /// Its document was never written.
    Lost(Job),
}

impl Migrations {
    /// Of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self {
            jobs: Jobs::new(bucket.clone()),
            videos: Videos::new(bucket.clone()),
            settings: SettingsStore::new(bucket.clone()),
            bucket,
        }
    }

    /// The present run, or the last one; one read. `None` if there never was one.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn current(&self) -> Result<Option<Migration>, BucketError> {
        Ok(self.bucket.read(&DocumentKey::Migration).await?.map(|found| found.value))
    }

    /// Begins a run if the settings want HLS and there is a finished video that is not; goes on with the one that is
    /// under way. Videos that failed before are tried only with `again`. Doing it twice does no harm.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn start(&self, again: bool) -> Result<Option<Migration>, BucketError> {
        let found = self.bucket.read::<Migration>(&DocumentKey::Migration).await?;
        let (before, etag) = found.map(|found| (found.value, found.etag)).unzip();
        if before.as_ref().is_some_and(Migration::is_running) {
            if again {
                self.ask_again().await?;
            }
            return self.tend().await;
        }
        if self.settings.current().await?.video_output_format != OutputFormat::Hls {
            return Ok(before);
        }
        // Asked for while the run before was under way, and not done yet.
        let again = again || before.as_ref().is_some_and(|before| before.again);
        let candidates = self.candidates().await?;
        let failed = before.iter().flat_map(|before| before.failed.iter()).filter(|_| !again);
        // Of those that failed, what was deleted or came to be HLS some other way is forgotten.
        let present: BTreeSet<_> = candidates.iter().map(|video| video.short_id.clone()).collect();
        let failed: Vec<Failed> = failed.filter(|failed| present.contains(&failed.short_id)).cloned().collect();
        let known: BTreeSet<_> = failed.iter().map(|failed| failed.short_id.clone()).collect();
        let mut planned = candidates;
        planned.retain(|video| !known.contains(&video.short_id));
        if planned.is_empty() {
            return Ok(before);
        }
        let plan = EncodeId::random();
        let chunks: Vec<Vec<Planned>> = planned.chunks(CHUNK).map(<[Planned]>::to_vec).collect();
        let chunks = chunks
            .into_iter()
            .enumerate()
            .map(|(n, chunk)| async move { self.bucket.create(&DocumentKey::MigrationPlan(plan, n), &chunk).await });
        stream::iter(chunks).buffer_unordered(PARALLEL).try_for_each(async |_| Ok(())).await?;
        let mut run = Migration::begin(before.as_ref(), plan, planned.len(), failed, Timestamp::now());
        if before.is_none() {
            run.number = self.jobs.last_number(JobKind::Migrate).await? + 1;
        }
        match self.write(&run, etag.as_ref()).await {
            Ok(_) => tracing::info!(run = run.number, videos = run.planned, "older videos move to HLS"),
            // Another one was faster: its run is the run.
            Err(BucketError::Conflict { .. }) => self.forget_plan(&run).await?,
            Err(error) => return Err(error),
        }
        self.tend().await
    }

    /// Looks how the jobs at work do, moves on those that ended, and fills up from the plan.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn tend(&self) -> Result<Option<Migration>, BucketError> {
        let Some(found) = self.bucket.read::<Migration>(&DocumentKey::Migration).await? else { return Ok(None) };
        let (mut run, etag) = (found.value, found.etag);
        if !run.is_running() {
            return Ok(Some(run));
        }
        if self.settings.current().await?.video_output_format != OutputFormat::Hls {
            run.drop_rest();
        }
        let looks: Vec<Look> = stream::iter(run.working.clone())
            .map(|video| self.look(&run, video))
            .buffered(PARALLEL)
            .try_collect()
            .await?;
        let mut unwritten = Vec::new();
        let mut waiting = Vec::new();
        let mut current = None;
        let mut replan = false;
        for look in looks {
            match look {
                Look::Ended(video, ending) => run.settle(&video, ending),
                Look::Leased(video) => current = current.or(Some(video.title)),
                Look::Waiting(job) => waiting.push(job),
                Look::Lost(job) => unwritten.push(job),
            }
        }
        if let Some((chunk, offset)) = run.next_chunk() {
            let key = DocumentKey::MigrationPlan(run.plan, chunk);
            match self.bucket.read::<Vec<Planned>>(&key).await? {
                Some(planned) => {
                    let taken = run.take(&planned.value, offset);
                    unwritten.extend(taken.iter().filter_map(|video| run.job(video).ok()));
                }
                // A sweep may have taken it for a stray one just before the run was written: it is planned anew.
                None => {
                    run.drop_rest();
                    replan = true;
                }
            }
        }
        run.tended(current, Timestamp::now());
        let again = run.again;
        match self.write(&run, Some(&etag)).await {
            Ok(_) => {}
            // Another one tended it meanwhile.
            Err(BucketError::Conflict { .. }) => return self.current().await,
            Err(error) => return Err(error),
        }
        // Only now, for the run must know of a job before the job is there. What a kill leaves out here is found
        // missing by the next look.
        self.enqueue(unwritten, waiting).await?;
        if !run.is_running() {
            tracing::info!(run = run.number, done = run.done, failed = run.failed.len(), "the migration ended");
            self.forget_plan(&run).await?;
            if again || replan {
                return Box::pin(self.start(again)).await;
            }
        }
        Ok(Some(run))
    }

    /// Plans that no run needs, with the reason; for the sweep.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn stray_plans(&self) -> Result<Vec<String>, BucketError> {
        // The plans first: one that is written after this look is not in it.
        let plans = self.bucket.keys(DocumentKey::MIGRATION_PLANS).await?;
        if plans.is_empty() {
            return Ok(plans);
        }
        let run = match self.current().await {
            Ok(run) => run.filter(Migration::is_running),
            // Nobody knows which plan a damaged run needs.
            Err(error) if error.is_unreadable() => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let needed = run.map(|run| format!("{}{}-", DocumentKey::MIGRATION_PLANS, run.plan));
        Ok(plans.into_iter().filter(|key| needed.as_ref().is_none_or(|needed| !key.starts_with(needed))).collect())
    }

    async fn ask_again(&self) -> Result<(), BucketError> {
        let asked = self.bucket.update(&DocumentKey::Migration, |run: &mut Migration| {
            run.again = run.is_running() && !run.failed.is_empty();
            Ok::<_, std::convert::Infallible>(())
        });
        match asked.await {
            Ok(_) | Err(UpdateError::Missing) => Ok(()),
            Err(UpdateError::Bucket(error)) => Err(error),
            Err(UpdateError::Refused(never)) => match never {},
        }
    }

    /// Finished videos that have no stream, the newest first. The listing tells, and its summaries which shards hold none:
    /// what it does not know yet the walk tells it, before it starts the next run.
    async fn candidates(&self) -> Result<Vec<Planned>, BucketError> {
        let planned = self.videos.to_move().await?.into_iter().map(|entry| Planned {
            short_id: entry.short_id,
            title: entry.title,
            created_at: entry.created_at,
        });
        Ok(planned.collect())
    }

    async fn look(&self, run: &Migration, video: Planned) -> Result<Look, BucketError> {
        let Ok(job) = run.job(&video) else { return Ok(Look::Ended(video.short_id, Ending::Gone)) };
        let damaged = || Look::Ended(video.short_id.clone(), Ending::Failed(DAMAGED_RECORD.to_owned()));
        let found = match self.jobs.get(&job.id).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Look::Lost(job)),
            Err(error) if error.is_unreadable() => return Ok(damaged()),
            Err(error) => return Err(error),
        };
        let ended = match found.state {
            JobState::Waiting => return Ok(Look::Waiting(found)),
            JobState::Leased(_) => return Ok(Look::Leased(video)),
            JobState::Done { .. } => None,
            JobState::Failed { reason, .. } => Some(reason),
        };
        // The video itself tells whether it is HLS.
        let now = match self.videos.get(&video.short_id).await {
            Err(error) if error.is_unreadable() => return Ok(damaged()),
            found => found?.map(|found| found.value),
        };
        let ending = match (now.filter(|video| !video.is_deleted()), ended) {
            (None, _) => Ending::Gone,
            (Some(video), _) if video.stream().is_some() => Ending::Done,
            (Some(_), Some(reason)) => Ending::Failed(reason),
            (Some(_), None) => Ending::Gone,
        };
        Ok(Look::Ended(video.short_id, ending))
    }

    /// Makes jobs known, and puts those that wait outside the queue back into it.
    async fn enqueue(&self, mut unwritten: Vec<Job>, waiting: Vec<Job>) -> Result<(), BucketError> {
        if !waiting.is_empty() {
            let queue: BTreeSet<_> = self.jobs.queue().await?.into_iter().collect();
            unwritten.extend(waiting.into_iter().filter(|job| !queue.contains(&job.id)));
        }
        let writes = unwritten.into_iter().map(|job| async move { self.jobs.enqueue(&job).await });
        stream::iter(writes).buffer_unordered(PARALLEL).try_for_each(async |()| Ok(())).await
    }

    async fn write(&self, run: &Migration, over: Option<&Etag>) -> Result<Etag, BucketError> {
        match over {
            Some(etag) => self.bucket.replace(&DocumentKey::Migration, run, etag).await,
            None => self.bucket.create(&DocumentKey::Migration, run).await,
        }
    }

    async fn forget_plan(&self, run: &Migration) -> Result<(), BucketError> {
        self.bucket.remove_all(&format!("{}{}-", DocumentKey::MIGRATION_PLANS, run.plan)).await.map(drop)
    }
}
