//! The job document: one piece of transcoding, held by a lease.
//!
//! A runner claims a job by a conditional write and gets a [`Lease`]; to beat, complete or fail it
//! must show that lease, and a lease that ran out and was given to another is refused.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::{EncodeId, IdError, JobId, ShortId};

pub use crate::id::JobKind;

/// How long a lease lasts without a beat, where a beat costs nothing.
pub const LEASE: SignedDuration = SignedDuration::from_secs(20);

/// The same where every beat is a request that is paid for, and leaves an old version of the job's document.
pub const LONG_LEASE: SignedDuration = SignedDuration::from_secs(200);

/// A job that was claimed this often without an end has lost that many runners: it gives up.
pub const MAX_ATTEMPTS: u32 = 3;

/// What the owner is told of a job whose document cannot be read.
pub const DAMAGED_JOB: &str = "The record of the work on this clip is damaged: try again, or ask an administrator.";

/// A job that met a full disk waits so long before it is tried again; twice as long each time, up to [`LONGEST_WAIT`].
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(4);
const LONGEST_WAIT: SignedDuration = SignedDuration::from_secs(32);

/// Where a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum JobState {
    /// Queued; no runner has claimed it.
    Waiting,
    /// A runner works on it.
    Leased(Lease),
    /// It ended well.
    Done {
        /// When it was completed.
        at: Timestamp,
    },
    /// It gave up.
    Failed {
        /// When the last attempt failed.
        at: Timestamp,
        /// A sentence for the owner.
        reason: String,
        /// FFmpeg's last lines, cleaned of paths.
        #[serde(default)]
        log: Vec<String>,
    },
}

/// A runner's hold on a job. Made by [`Job::claim`] alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    runner: String,
    attempt: u32,
    until: Timestamp,
    /// For how long it was given, and each beat gives it again.
    #[serde(default = "usual_life")]
    seconds: i64,
}

fn usual_life() -> i64 {
    LEASE.as_secs()
}

impl Lease {
    /// Who holds it.
    pub fn runner(&self) -> &str {
        &self.runner
    }

    /// Which claim of the job this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// When it runs out without a beat.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// How long it lasts from a beat.
    pub fn life(&self) -> SignedDuration {
        SignedDuration::from_secs(self.seconds)
    }

    /// How often its holder beats: 13 times in its life, so that a bucket that is away for most of it loses no job.
    pub fn beat_every(&self) -> SignedDuration {
        SignedDuration::from_millis(self.seconds * 75)
    }
}

/// A job waits for disk space: nobody takes it before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpaceWait {
    until: Timestamp,
    times: u32,
}

/// One piece of work on one video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// `{short_id}-{kind}-{number}`.
    pub id: JobId,
    /// The video.
    pub video: ShortId,
    /// What for.
    pub kind: JobKind,
    /// When it was made.
    pub created_at: Timestamp,
    /// How often it was claimed.
    pub attempts: u32,
    /// Where it is.
    pub state: JobState,
    /// 0 to 1.
    pub progress: f64,
    /// What is being written below; noted before the first object, so that a sweep knows orphans.
    #[serde(default)]
    pub writing: Vec<EncodeId>,
    /// What holders who lost the job were writing below: the sweep removes what the video does not name, and forgets it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abandoned: Vec<EncodeId>,
    /// What was decided and why, in words.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Set once it met a full disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub space_wait: Option<SpaceWait>,
    /// Seconds of work that it is, about, once a runner has looked at the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_seconds: Option<f64>,
}

/// A change that the job's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// Another runner holds it.
    #[error("the job is held by another runner until {0}")]
    Held(Timestamp),
    /// It met a full disk, and is not tried again before this time.
    #[error("the job waits for disk space until {0}")]
    WaitsForSpace(Timestamp),
    /// It ended.
    #[error("the job has ended")]
    Ended,
    /// It was claimed [`MAX_ATTEMPTS`] times without an end.
    #[error("the job was begun {MAX_ATTEMPTS} times and never came to an end")]
    TooManyAttempts,
    /// It is known to be more work than whoever asks for it may take.
    #[error("the job is more work than this lane takes")]
    TooLong,
    /// The lease shown is not the one that holds now.
    #[error("the lease was lost to another runner")]
    LeaseLost,
}

impl Job {
    /// A new job, number `number` of its kind for `video`.
    ///
    /// # Errors
    /// [`IdError`] if the number has more than nine digits.
    pub fn new(video: ShortId, kind: JobKind, number: u32, now: Timestamp) -> Result<Self, IdError> {
        let id = JobId::new(&video, kind, number)?;
        Ok(Self {
            id,
            video,
            kind,
            created_at: now,
            attempts: 0,
            state: JobState::Waiting,
            progress: 0.0,
            writing: Vec::new(),
            abandoned: Vec::new(),
            notes: Vec::new(),
            space_wait: None,
            work_seconds: None,
        })
    }

    /// Its key in the queue: sorts by kind, then by age, and holds the id.
    /// Migrations go newest first, so that what people look at moves first.
    pub fn queue_entry(&self) -> String {
        let seconds = self.created_at.as_second().max(0);
        let turn = if self.kind == JobKind::Migrate { 99_999_999_999 - seconds } else { seconds };
        format!("{}-{turn:011}-{}", self.kind.code(), self.id)
    }

    /// The id in a key of the queue.
    ///
    /// # Errors
    /// [`IdError`] if it is no such key.
    pub fn id_of_entry(entry: &str) -> Result<JobId, IdError> {
        entry.splitn(3, '-').nth(2).unwrap_or_default().parse()
    }

    /// It is known to be more than `most` seconds of work.
    pub fn is_longer_than(&self, most: f64) -> bool {
        self.work_seconds.is_some_and(|seconds| seconds > most)
    }

    /// It ended, well or not.
    pub fn has_ended(&self) -> bool {
        matches!(self.state, JobState::Done { .. } | JobState::Failed { .. })
    }

    /// What it waits for though no runner holds it, in words.
    pub fn waits_for(&self) -> Option<&'static str> {
        match (&self.state, self.space_wait) {
            (JobState::Waiting, Some(_)) => Some("waits for disk space"),
            _ => None,
        }
    }

    /// Gives the job to `runner` at `now`, for [`LEASE`]. The lease of a runner that stopped beating is taken over.
    ///
    /// # Errors
    /// [`JobError::Held`], [`JobError::WaitsForSpace`], [`JobError::Ended`], or [`JobError::TooManyAttempts`] for a job
    /// that should then be failed with [`Job::give_up`].
    pub fn claim(&mut self, runner: &str, now: Timestamp) -> Result<Lease, JobError> {
        self.entrust(runner, LEASE, now)
    }

    /// As [`Job::claim`], for `life`: between two beats, or until a service that does not beat is asked how it goes.
    ///
    /// # Errors
    /// As [`Job::claim`].
    pub fn entrust(&mut self, runner: &str, life: SignedDuration, now: Timestamp) -> Result<Lease, JobError> {
        match &self.state {
            JobState::Done { .. } | JobState::Failed { .. } => return Err(JobError::Ended),
            JobState::Leased(lease) if lease.until > now => return Err(JobError::Held(lease.until)),
            JobState::Waiting | JobState::Leased(_) => {}
        }
        if let Some(wait) = self.space_wait.filter(|wait| wait.until > now) {
            return Err(JobError::WaitsForSpace(wait.until));
        }
        if self.attempts >= MAX_ATTEMPTS {
            return Err(JobError::TooManyAttempts);
        }
        self.attempts += 1;
        let lease =
            Lease { runner: runner.to_owned(), attempt: self.attempts, until: now + life, seconds: life.as_secs() };
        self.state = JobState::Leased(lease.clone());
        self.abandoned.append(&mut self.writing);
        self.notes.clear();
        self.progress = 0.0;
        Ok(lease)
    }

    /// Renews the lease and notes the progress (0 to 1).
    ///
    /// # Errors
    /// [`JobError::LeaseLost`] if another runner took over: stop at once.
    pub fn beat(&mut self, lease: &Lease, progress: f64, now: Timestamp) -> Result<(), JobError> {
        let held = self.held(lease)?;
        held.until = now + held.life();
        self.progress = progress.clamp(0.0, 1.0).max(self.progress);
        Ok(())
    }

    /// Notes the progress (0 to 1) of a service that does not beat.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn advance(&mut self, lease: &Lease, progress: f64) -> Result<(), JobError> {
        self.held(lease)?;
        self.progress = progress.clamp(0.0, 1.0).max(self.progress);
        Ok(())
    }

    /// `runner` is known to be dead: another may begin before its lease runs out.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`] if it does not hold the job.
    pub fn bury(&mut self, runner: &str) -> Result<(), JobError> {
        match &self.state {
            JobState::Leased(lease) if lease.runner == runner => {
                self.state = JobState::Waiting;
                self.abandoned.append(&mut self.writing);
                Ok(())
            }
            _ => Err(JobError::LeaseLost),
        }
    }

    /// Notes a uuid below which the holder is about to write.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn will_write(&mut self, lease: &Lease, id: EncodeId) -> Result<(), JobError> {
        self.held(lease)?;
        self.writing.push(id);
        Ok(())
    }

    /// Notes how much work it is, in seconds: from now on only lanes that take so much take it.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn expect_work(&mut self, lease: &Lease, seconds: f64) -> Result<(), JobError> {
        self.held(lease)?;
        self.work_seconds = Some(seconds);
        Ok(())
    }

    /// Notes what was decided and why.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn note(&mut self, lease: &Lease, notes: Vec<String>) -> Result<(), JobError> {
        self.held(lease)?;
        self.notes.extend(notes);
        Ok(())
    }

    /// Everything is published.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn complete(&mut self, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
        self.held(lease)?;
        self.state = JobState::Done { at: now };
        self.progress = 1.0;
        // The video names what was published of it, and so it is not known to be garbage.
        self.writing.clear();
        Ok(())
    }

    /// The holder could not do it and another try would not help.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn fail(&mut self, lease: &Lease, reason: String, log: Vec<String>, now: Timestamp) -> Result<(), JobError> {
        self.held(lease)?;
        self.end_failed(reason, log, now);
        Ok(())
    }

    /// The holder stops (shut down, or a fault that may pass); another may begin at once.
    /// A shutdown, or work for another lane, does not count as an attempt.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn release(&mut self, lease: &Lease, counts: bool) -> Result<(), JobError> {
        self.held(lease)?;
        if !counts {
            self.attempts -= 1;
        }
        self.state = JobState::Waiting;
        self.abandoned.append(&mut self.writing);
        Ok(())
    }

    /// The disk is full: the job waits until there may be space again, however often. That is no attempt.
    ///
    /// # Errors
    /// [`JobError::LeaseLost`].
    pub fn wait_for_space(&mut self, lease: &Lease, now: Timestamp) -> Result<(), JobError> {
        self.release(lease, false)?;
        let times = self.space_wait.map_or(0, |wait| wait.times);
        let pause = FIRST_WAIT.saturating_mul(1 << times.min(8)).min(LONGEST_WAIT);
        self.space_wait = Some(SpaceWait { until: now + pause, times: times.saturating_add(1) });
        Ok(())
    }

    /// Fails a job that no runner holds and that lost too many runners, or whose video is gone.
    ///
    /// # Errors
    /// [`JobError::Ended`], [`JobError::Held`].
    pub fn give_up(&mut self, reason: String, now: Timestamp) -> Result<(), JobError> {
        match &self.state {
            JobState::Done { .. } | JobState::Failed { .. } => Err(JobError::Ended),
            JobState::Leased(lease) if lease.until > now => Err(JobError::Held(lease.until)),
            JobState::Waiting | JobState::Leased(_) => {
                self.end_failed(reason, Vec::new(), now);
                Ok(())
            }
        }
    }

    /// The video was deleted: the job ends, whoever holds it.
    pub fn call_off(&mut self, now: Timestamp) {
        self.end_failed("The video was deleted.".to_owned(), Vec::new(), now);
    }

    /// Somebody holds it at `now`, and may be writing.
    pub fn is_held(&self, now: Timestamp) -> bool {
        matches!(&self.state, JobState::Leased(lease) if lease.until > now)
    }

    fn end_failed(&mut self, reason: String, log: Vec<String>, now: Timestamp) {
        self.state = JobState::Failed { at: now, reason, log };
        self.abandoned.append(&mut self.writing);
    }

    fn held(&mut self, shown: &Lease) -> Result<&mut Lease, JobError> {
        match &mut self.state {
            JobState::Leased(lease) if lease.attempt == shown.attempt && lease.runner == shown.runner => Ok(lease),
            _ => Err(JobError::LeaseLost),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    fn job() -> Job {
        Job::new(ShortId::random(), JobKind::First, 1, at(0)).expect("a job")
    }

    #[test]
    fn one_runner_holds_a_job_until_its_lease_runs_out() {
        let mut job = job();
        let lease = job.claim("one", at(0)).expect("waiting");
        assert_eq!(job.claim("two", at(19)), Err(JobError::Held(at(20))));
        job.beat(&lease, 0.5, at(10)).expect("held");
        assert_eq!(job.claim("two", at(29)), Err(JobError::Held(at(30))));
        let second = job.claim("two", at(31)).expect("run out");
        assert_eq!(second.attempt(), 2);
        assert_eq!(job.beat(&lease, 0.9, at(32)), Err(JobError::LeaseLost));
        assert_eq!(job.complete(&lease, at(32)), Err(JobError::LeaseLost));
        job.complete(&second, at(33)).expect("held");
        assert_eq!(job.claim("three", at(99)), Err(JobError::Ended));
    }

    #[test]
    fn a_beat_renews_a_lease_for_the_life_it_was_given_and_comes_in_proportion() {
        for (life, beat) in [(LEASE, 1_500), (LONG_LEASE, 15_000)] {
            let mut job = job();
            let lease = job.entrust("one", life, at(0)).expect("waiting");
            assert_eq!(lease.beat_every().as_millis(), beat);
            job.beat(&lease, 0.5, at(10)).expect("held");
            assert_eq!(job.claim("two", at(9) + life), Err(JobError::Held(at(10) + life)));
            job.claim("two", at(11) + life).expect("run out");
        }
    }

    #[test]
    fn a_lease_of_an_older_version_lives_as_long_as_it_did_there() {
        let text = r#"{"runner": "one", "attempt": 1, "until": "2027-01-15T08:00:00Z"}"#;
        assert_eq!(serde_json::from_str::<Lease>(text).expect("a lease").life(), LEASE);
    }

    #[test]
    fn the_same_runner_coming_back_does_not_hold_its_old_lease() {
        let mut job = job();
        let old = job.claim("one", at(0)).expect("waiting");
        job.claim("one", at(30)).expect("run out");
        assert_eq!(job.beat(&old, 0.1, at(31)), Err(JobError::LeaseLost));
    }

    #[test]
    fn a_job_that_loses_three_runners_gives_up() {
        let mut job = job();
        for attempt in 0..3 {
            job.claim("one", at(attempt * 100)).expect("run out");
        }
        assert_eq!(job.claim("one", at(1000)), Err(JobError::TooManyAttempts));
        job.give_up("it never came to an end".into(), at(1000)).expect("not held");
        assert!(job.has_ended());
    }

    #[test]
    fn a_shutdown_does_not_count_as_an_attempt() {
        let mut job = job();
        for _ in 0..10 {
            let lease = job.claim("one", at(0)).expect("waiting");
            job.release(&lease, false).expect("held");
        }
        assert_eq!(job.attempts, 0);
    }

    #[test]
    fn waiting_for_space_is_no_attempt_however_often_and_says_so() {
        let mut job = job();
        let mut now = 0;
        for _ in 0..20 {
            let lease = job.claim("one", at(now)).expect("its time has come");
            assert_eq!(job.waits_for(), None);
            job.wait_for_space(&lease, at(now)).expect("held");
            assert_eq!(job.waits_for(), Some("waits for disk space"));
            assert!(matches!(job.claim("two", at(now + 1)), Err(JobError::WaitsForSpace(_))));
            now += LONGEST_WAIT.as_secs();
        }
        assert_eq!(job.attempts, 0);
        assert!(job.claim("two", at(now)).is_ok(), "it goes on by itself");
    }

    #[test]
    fn how_much_work_a_job_is_outlasts_its_leases_and_older_documents_do_not_say() {
        let mut job = job();
        let lease = job.claim("one", at(0)).expect("waiting");
        assert!(!job.is_longer_than(1.0), "nobody has looked at the file");
        job.expect_work(&lease, 90.0).expect("held");
        job.release(&lease, false).expect("held");
        job.claim("two", at(1)).expect("waiting");
        assert!(job.is_longer_than(30.0) && !job.is_longer_than(90.0));
        let mut document = serde_json::to_value(&job).expect("a document");
        document.as_object_mut().expect("an object").remove("work_seconds");
        let older: Job = serde_json::from_value(document).expect("a job");
        assert_eq!(older.work_seconds, None);
    }

    #[test]
    fn the_job_of_a_dead_runner_is_free_at_once_and_no_other_runners_is() {
        let mut job = job();
        let lease = job.entrust("service", SignedDuration::from_hours(1), at(0)).expect("waiting");
        assert_eq!(job.claim("two", at(3599)), Err(JobError::Held(at(3600))));
        job.advance(&lease, 0.5).expect("held");
        assert_eq!(job.bury("two"), Err(JobError::LeaseLost));
        job.bury("service").expect("held");
        assert_eq!((job.bury("service"), job.attempts), (Err(JobError::LeaseLost), 1));
        assert_eq!(job.claim("two", at(1)).map(|lease| lease.attempt()), Ok(2));
        assert_eq!(job.advance(&lease, 0.9), Err(JobError::LeaseLost));
    }

    #[test]
    fn what_a_lost_holder_wrote_is_remembered_until_it_is_swept() {
        let mut job = job();
        let ids: Vec<_> = std::iter::repeat_with(EncodeId::random).take(4).collect();
        let lease = job.claim("one", at(0)).expect("waiting");
        job.will_write(&lease, ids[0]).expect("held");
        let lease = job.claim("two", at(30)).expect("run out");
        job.will_write(&lease, ids[1]).expect("held");
        job.release(&lease, true).expect("held");
        let lease = job.claim("three", at(31)).expect("waiting");
        job.will_write(&lease, ids[2]).expect("held");
        assert_eq!((&job.abandoned, &job.writing), (&ids[..2].to_vec(), &ids[2..3].to_vec()));
        let mut failed = job.clone();
        failed.fail(&lease, "no".into(), Vec::new(), at(32)).expect("held");
        assert_eq!(failed.abandoned, ids[..3]);
        job.complete(&lease, at(32)).expect("held");
        assert_eq!((&job.abandoned, job.writing.is_empty()), (&ids[..2].to_vec(), true));
    }

    #[test]
    fn progress_never_goes_back_and_stays_within_bounds() {
        let mut job = job();
        let lease = job.claim("one", at(0)).expect("waiting");
        job.beat(&lease, 0.6, at(1)).expect("held");
        job.beat(&lease, 0.4, at(2)).expect("held");
        assert_eq!(job.progress, 0.6);
        job.beat(&lease, 7.0, at(3)).expect("held");
        assert_eq!(job.progress, 1.0);
    }

    #[test]
    fn new_uploads_come_before_ladders_before_migrations_newest_first() {
        let make = |kind, second| Job::new(ShortId::random(), kind, 1, at(second)).expect("a job");
        let jobs = [
            make(JobKind::First, 5),
            make(JobKind::First, 9),
            make(JobKind::Ladder, 1),
            make(JobKind::Migrate, 8),
            make(JobKind::Migrate, 2),
        ];
        let entries: Vec<_> = jobs.iter().map(Job::queue_entry).collect();
        assert!(entries.is_sorted(), "{entries:?}");
        assert_eq!(Job::id_of_entry(&entries[0]), Ok(jobs[0].id.clone()));
        assert_eq!(jobs[0].id.video(), &jobs[0].video);
    }
}
