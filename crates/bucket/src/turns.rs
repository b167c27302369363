//! What a runner remembers of the queue, so that owners take turns without a read of every waiting job at every look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use clipset_core::{
    id::{JobId, Username},
    job::{Job, JobKind},
    key::DocumentKey,
    turns::by_turns,
    video::Video,
};
use futures_util::{StreamExt, stream};

use crate::Bucket;

/// Documents read at once.
const PARALLEL: usize = 16;

/// The most owners that one look asks for. The others are asked for at the next looks, each only once.
const ASKED_AT_ONCE: usize = 1000;

/// Of one process; clones of [`crate::Jobs`] share it.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    memory: Mutex<Memory>,
}

#[derive(Debug, Default)]
struct Memory {
    /// Whose the jobs are; `None` where the video is gone.
    owners: BTreeMap<JobId, Option<Username>>,
    /// Jobs that were refused because they are more work than so many seconds.
    longer_than: BTreeMap<JobId, f64>,
    /// Which turn was each owner's last.
    last_turn: BTreeMap<Option<Username>, u64>,
    turns: u64,
}

impl Turns {
    /// The jobs of `kinds` in `queue`, with their entries, in the order in which a lane for at most `most` seconds of
    /// work tries them.
    pub(crate) async fn order(
        &self,
        bucket: &Bucket,
        queue: Vec<String>,
        kinds: &[JobKind],
        most: Option<f64>,
    ) -> Vec<(String, JobId)> {
        let queue = queue.into_iter().filter_map(|entry| Some((Job::id_of_entry(&entry).ok()?, entry)));
        let queue: Vec<(JobId, String)> = queue.collect();
        self.forget_all_but(&queue.iter().map(|(id, _)| id).collect());
        let mut order = Vec::new();
        for kind in [JobKind::First, JobKind::Ladder, JobKind::Migrate] {
            if !kinds.contains(&kind) {
                continue;
            }
            let prefix = format!("{}-", kind as u8);
            let of_kind = queue.iter().filter(|(_, entry)| entry.starts_with(&prefix)).cloned();
            if kind == JobKind::Migrate {
                // Nobody's in particular: the newest first, as their entries stand.
                order.extend(of_kind.map(|(id, entry)| (entry, id)));
            } else {
                order.extend(self.of_owners(bucket, of_kind.collect()).await);
            }
        }
        let memory = self.memory();
        order
            .retain(|(_, id)| !most.is_some_and(|most| memory.longer_than.get(id).is_some_and(|least| *least >= most)));
        order
    }

    /// The owner of job `id` has had a turn.
    pub(crate) fn taken(&self, id: &JobId) {
        let mut memory = self.memory();
        memory.turns += 1;
        let turn = memory.turns;
        if let Some(owner) = memory.owners.get(id).cloned() {
            memory.last_turn.insert(owner, turn);
        }
    }

    /// Job `id` is more than `most` seconds of work: lanes for no more need not ask for it again.
    pub(crate) fn is_longer(&self, id: &JobId, most: f64) {
        self.memory().longer_than.insert(id.clone(), most);
    }

    /// `queue`, which is in the order of age, in the order of turns.
    async fn of_owners(&self, bucket: &Bucket, queue: Vec<(JobId, String)>) -> Vec<(String, JobId)> {
        self.ask_for_owners(bucket, &queue).await;
        let memory = self.memory();
        let (known, unknown): (Vec<_>, Vec<_>) = queue
            .into_iter()
            .map(|(id, entry)| (memory.owners.get(&id).cloned(), (entry, id)))
            .partition(|(owner, _)| owner.is_some());
        let mut order = by_turns(known, |owner| memory.last_turn.get(owner.as_ref()?).copied());
        order.extend(unknown.into_iter().map(|(_, job)| job));
        order
    }

    async fn ask_for_owners(&self, bucket: &Bucket, queue: &[(JobId, String)]) {
        let unknown: Vec<JobId> = {
            let memory = self.memory();
            let unknown = queue.iter().map(|(id, _)| id).filter(|id| !memory.owners.contains_key(id));
            unknown.take(ASKED_AT_ONCE).cloned().collect()
        };
        let owners = stream::iter(unknown).map(async |id| {
            let video = id.video().clone();
            match bucket.read::<Video>(&DocumentKey::Video(video)).await {
                Ok(found) => Some((id, found.map(|found| found.value.owner))),
                // Asked for again at the next look; meanwhile the job waits behind those whose owner is known.
                Err(_) => None,
            }
        });
        let owners: Vec<_> = owners.buffer_unordered(PARALLEL).collect().await;
        self.memory().owners.extend(owners.into_iter().flatten());
    }

    fn forget_all_but(&self, queue: &BTreeSet<&JobId>) {
        let mut memory = self.memory();
        memory.owners.retain(|id, _| queue.contains(id));
        memory.longer_than.retain(|id, _| queue.contains(id));
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
