//! The run in which older videos move to HLS: `jobs/migration.json`, a ledger of few lines however many videos there
//! are.
//!
//! The videos of a run are planned once, in chunks that never change. Each is then in exactly one place: still in the
//! plan, at work, done, failed or gone. Runners do not report here: they end their jobs, and whoever tends the run
//! reads how the few jobs at work ended and moves them on in one conditional write. See `docs/decisions/migration.md`.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::{EncodeId, IdError, ShortId},
    job::{Job, JobKind},
};

/// Jobs of a run that wait or are worked on at a time: enough for many runners, few to look after.
pub const WINDOW: usize = 16;

/// Videos in one chunk of the plan.
pub const CHUNK: usize = 500;

/// A run that nobody tended for so long tells old figures: whoever asks for them tends it first.
pub const STALE: SignedDuration = SignedDuration::from_secs(3);

/// Of a reason, characters that are kept.
const LONGEST_REASON: usize = 300;

/// A video that is to be moved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// The id of the clip.
    pub short_id: ShortId,
    /// As it was when the run began.
    pub title: String,
    /// The newest have their turn first.
    pub created_at: Timestamp,
}

/// A video that could not be moved. It plays as before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The id of the clip.
    pub short_id: ShortId,
    /// Its title.
    pub title: String,
    /// A sentence.
    pub reason: String,
}

/// Where a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// Videos wait or are at work.
    Running,
    /// Every video has come to an end.
    Ended,
}

/// How the job of a video at work came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The video is HLS.
    Done,
    /// For this reason it is not.
    Failed(String),
    /// The video was deleted, or nobody wants it moved any more.
    Gone,
}

/// The present run, or the last one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// Counts the runs; part of the ids of their jobs.
    pub number: u32,
    /// Names the chunks of the plan.
    pub plan: EncodeId,
    /// Where it is.
    pub state: RunState,
    /// When it began.
    pub started_at: Timestamp,
    /// When somebody last looked how its jobs do.
    pub tended_at: Timestamp,
    /// Videos of the plan.
    pub planned: usize,
    /// Of these, how many were taken from the plan.
    pub taken: usize,
    /// Taken, and neither done nor failed nor gone.
    pub working: Vec<Planned>,
    /// How many were moved.
    pub done: u64,
    /// Those that failed, of runs before too: they are tried again when an administrator says so.
    pub failed: Vec<Failed>,
    /// An administrator said so while the run was under way.
    #[serde(default)]
    pub again: bool,
    /// The title of a video that a runner works on.
    pub current: Option<String>,
}

impl Migration {
    /// The run after `before`, for `planned` videos of `plan`. `failed` are those that are not tried.
    pub fn begin(before: Option<&Self>, plan: EncodeId, planned: usize, failed: Vec<Failed>, now: Timestamp) -> Self {
        Self {
            number: before.map_or(1, |before| before.number + 1),
            plan,
            state: RunState::Running,
            started_at: now,
            tended_at: now,
            planned,
            taken: 0,
            working: Vec::new(),
            done: 0,
            failed,
            again: false,
            current: None,
        }
    }

    /// Videos are waiting or at work.
    pub fn is_running(&self) -> bool {
        self.state == RunState::Running
    }

    /// Videos of the run: done, failed, at work and waiting.
    pub fn total(&self) -> u64 {
        let others = self.planned - self.taken + self.working.len() + self.failed.len();
        self.done + others as u64
    }

    /// The job that moves `video` in this run: always the same.
    ///
    /// # Errors
    /// [`IdError`] after a billion runs.
    pub fn job(&self, video: &Planned) -> Result<Job, IdError> {
        Job::new(video.short_id.clone(), JobKind::Migrate, self.number, video.created_at)
    }

    /// The chunk from which the next videos are taken, and how many of it were taken; `None` if there is no room, or
    /// nothing is left.
    pub fn next_chunk(&self) -> Option<(usize, usize)> {
        let room = self.working.len() <= WINDOW / 2;
        (room && self.taken < self.planned).then_some((self.taken / CHUNK, self.taken % CHUNK))
    }

    /// Takes what there is room for from `chunk`, of which `offset` were taken before; gives what was taken now.
    pub fn take(&mut self, chunk: &[Planned], offset: usize) -> Vec<Planned> {
        let room = WINDOW.saturating_sub(self.working.len());
        let taken: Vec<Planned> = chunk.iter().skip(offset).take(room).cloned().collect();
        self.taken += taken.len();
        self.working.extend(taken.iter().cloned());
        taken
    }

    /// Nobody wants the rest moved: what is at work comes to its end.
    pub fn drop_rest(&mut self) {
        self.planned = self.taken;
        self.again = false;
    }

    /// The job of `video` ended. A second report of it changes nothing.
    pub fn settle(&mut self, video: &ShortId, ending: Ending) {
        let Some(at) = self.working.iter().position(|working| working.short_id == *video) else { return };
        let Planned { short_id, title, .. } = self.working.remove(at);
        match ending {
            Ending::Done => self.done += 1,
            Ending::Failed(reason) => {
                let reason = reason.chars().take(LONGEST_REASON).collect();
                self.failed.push(Failed { short_id, title, reason });
            }
            Ending::Gone => {}
        }
    }

    /// Somebody looked at it; it has ended if nothing is left.
    pub fn tended(&mut self, current: Option<String>, now: Timestamp) {
        self.tended_at = now;
        self.current = current;
        if self.working.is_empty() && self.taken == self.planned {
            self.state = RunState::Ended;
            self.current = None;
        }
    }

    /// Its figures may be older than they should be.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        self.is_running() && self.tended_at + STALE < now
    }
}

impl Failed {
    /// A line for administrators.
    pub fn line(&self) -> String {
        format!("{} ({}): {}", self.title, self.short_id, self.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-22T10:00:00Z".parse().expect("a time")
    }

    fn planned(count: usize) -> Vec<Planned> {
        let one = |n| Planned { short_id: ShortId::random(), title: format!("Clip {n}"), created_at: now() };
        (0..count).map(one).collect()
    }

    #[test]
    fn every_video_of_a_run_is_counted_once_wherever_it_is() {
        let plan = planned(40);
        let mut run = Migration::begin(None, EncodeId::random(), plan.len(), Vec::new(), now());
        let mut endings = [Ending::Done, Ending::Failed("It is broken.".into()), Ending::Gone].into_iter().cycle();
        let mut gone = 0;
        while run.is_running() {
            if let Some((chunk, offset)) = run.next_chunk() {
                run.take(&plan[chunk * CHUNK..], offset);
            }
            assert!(run.working.len() <= WINDOW);
            let first = run.working[0].short_id.clone();
            let ending = endings.next().expect("endless");
            gone += u64::from(ending == Ending::Gone);
            run.settle(&first, ending.clone());
            run.settle(&first, ending);
            run.tended(None, now());
            assert_eq!(run.total() + gone, 40);
            assert!(run.done <= run.total());
        }
        assert_eq!((run.done, run.failed.len(), run.total()), (14, 13, 27));
    }

    #[test]
    fn a_run_whose_rest_is_dropped_ends_with_what_is_at_work() {
        let plan = planned(40);
        let mut run = Migration::begin(None, EncodeId::random(), plan.len(), Vec::new(), now());
        run.take(&plan, 0);
        run.drop_rest();
        run.tended(None, now());
        assert!(run.is_running() && run.total() == WINDOW as u64 && run.next_chunk().is_none());
        for video in &plan[..WINDOW] {
            run.settle(&video.short_id, Ending::Done);
        }
        run.tended(None, now());
        assert!(!run.is_running());
    }

    #[test]
    fn the_job_of_a_video_has_one_id_in_a_run_and_another_in_the_next() {
        let video = &planned(1)[0];
        let first = Migration::begin(None, EncodeId::random(), 1, Vec::new(), now());
        let next = Migration::begin(Some(&first), EncodeId::random(), 1, Vec::new(), now());
        let id = |run: &Migration| run.job(video).expect("a job").id;
        assert_eq!(id(&first), id(&first));
        assert_eq!(id(&next).as_str(), format!("{}-migrate-2", video.short_id));
    }
}
