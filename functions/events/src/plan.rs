//! What a sweep would do, what it holds back, and why: found from what was seen, by looking at nothing else.

use std::collections::{BTreeMap, BTreeSet};

use clipset_bucket::Reading;
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId, Username},
    job::{Job, JobKind, JobState},
    key::DocumentKey,
    settings::Settings,
    video::{Phase, Video},
};
use jiff::SignedDuration;

use crate::{
    action::{Action, Held, Rule},
    note::{self, Note, ORPHANED_FOR, Sighting},
};

/// Parts that no video waits for go so long after their upload began.
pub(crate) const STRAY_AFTER: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Uuids of one clip: original, stream, MP4, poster and storyboard.
const UUIDS_OF_A_CLIP: usize = 5;

/// So many clips' worth of orphans may go at once, however few objects there are.
const CLIPS_AT_ONCE: usize = 10;

/// Of all uuids, the share that may go as orphans at once: one in so many.
const ONE_IN: usize = 100;

/// What a sweep saw of the bucket.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When the sweep began.
    pub now: Timestamp,
    /// The uuids below which something stands, but for those that are surely named.
    pub stored: BTreeSet<EncodeId>,
    /// How many uuids there are in all.
    pub all: usize,
    /// The videos that were read.
    pub videos: Vec<Video>,
    /// The jobs that were read: those in the queue, those that left something, and those that videos wait for.
    pub jobs: Vec<Job>,
    /// The jobs in the queue.
    pub queue: BTreeSet<JobId>,
    /// Documents of any kind that were met and cannot be read.
    pub unreadable: Vec<DocumentKey>,
    /// Clips of which a record was set aside.
    pub set_aside: BTreeSet<ShortId>,
    /// Since when what was an orphan has been one.
    pub note: Note,
    /// The most that counts for an orphan since it was last seen.
    pub longest_step: SignedDuration,
    /// What due orphans say of whose they are.
    pub clips: BTreeMap<EncodeId, ShortId>,
    /// What is in force.
    pub settings: Settings,
    /// They are what an administrator made, not what was fallen back to.
    pub settings_certain: bool,
    /// Old uploads that have not ended: key, and the store's id.
    pub uploads: Vec<(String, String)>,
    /// Old reservations that are not settled.
    pub reservations: Vec<(Username, EncodeId)>,
    /// Private documents that say themselves that their time has passed, and why.
    pub ended: Vec<(DocumentKey, &'static str)>,
    /// Plans of no migration.
    pub stray_plans: Vec<String>,
    /// However many orphans there are.
    pub force: bool,
}

/// What a sweep does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// What it does not do.
    pub held: Vec<Held>,
    /// The note for the next one.
    pub note: Note,
}

impl Plan {
    fn may(&mut self, action: Action, against: Option<Rule>) {
        match against {
            Some(rule) => self.held.push(Held { action, rule }),
            None => self.actions.push(action),
        }
    }
}

impl Snapshot {
    /// Nothing was seen yet, and these settings are in force.
    pub(crate) fn blank(now: Timestamp, settings: Reading) -> Self {
        Self {
            now,
            stored: BTreeSet::new(),
            all: 0,
            videos: Vec::new(),
            jobs: Vec::new(),
            queue: BTreeSet::new(),
            unreadable: Vec::new(),
            set_aside: BTreeSet::new(),
            note: Note::new(),
            longest_step: note::LONGEST_STEP,
            clips: BTreeMap::new(),
            settings: settings.settings,
            settings_certain: !settings.fallen_back,
            uploads: Vec::new(),
            reservations: Vec::new(),
            ended: Vec::new(),
            stray_plans: Vec::new(),
            force: false,
        }
    }

    /// The uuids that no document names which was read.
    ///
    /// The order in which the bucket was looked at makes this sure: a uuid that was listed first was noted in its job
    /// before, and moved from there to its video, so if neither has it now, nobody ever will. What a job abandoned is no
    /// orphan as long as its video can be asked.
    fn orphans(&self) -> BTreeSet<EncodeId> {
        let mut named = self.named();
        named.extend(self.swept_jobs().flat_map(|job| job.abandoned.iter().copied()));
        self.stored.difference(&named).copied().collect()
    }

    fn named(&self) -> BTreeSet<EncodeId> {
        let writing = self.jobs.iter().flat_map(|job| job.writing.iter().copied());
        self.videos.iter().flat_map(Video::ids).chain(writing).collect()
    }

    /// Jobs with something abandoned, of videos whose records are all there to say what of it they took.
    fn swept_jobs(&self) -> impl Iterator<Item = &Job> {
        let certain: BTreeSet<_> = self.videos.iter().map(|video| &video.short_id).collect();
        self.jobs.iter().filter(move |job| {
            !job.abandoned.is_empty() && certain.contains(&job.video) && !self.may_be_incomplete(&job.video)
        })
    }

    /// A record of the clip cannot be read, here or set aside.
    fn may_be_incomplete(&self, clip: &ShortId) -> bool {
        let unreadable = self.unreadable.iter().any(|key| match key {
            DocumentKey::Video(id) => id == clip,
            DocumentKey::Job(id) => id.as_str().starts_with(clip.as_str()),
            _ => false,
        });
        unreadable || self.set_aside.contains(clip)
    }

    /// The note as this run leaves it.
    fn noted(&self) -> Note {
        note::after(&self.note, &self.orphans(), self.unreadable.is_empty(), self.now, self.longest_step)
    }

    /// Orphans of which it must be known whose they are.
    pub fn due(&self) -> Vec<EncodeId> {
        if !self.unreadable.is_empty() {
            return Vec::new();
        }
        self.noted().into_iter().filter(|(_, sighting)| sighting.is_due()).map(|(id, _)| id).collect()
    }

    /// What stands against removing what could be of any clip.
    fn incomplete(&self) -> Option<Rule> {
        let unreadable = self.unreadable.first().cloned().map(Rule::Unreadable);
        unreadable.or_else(|| self.set_aside.first().cloned().map(Rule::SetAside))
    }
}

/// The plan for what was seen.
pub fn plan(seen: &Snapshot) -> Plan {
    let mut plan = Plan::default();
    videos(seen, &mut plan);
    plan.actions.extend(abandoned(seen));
    orphans(seen, &mut plan);
    let waiting: BTreeSet<_> = seen.videos.iter().map(|video| video.upload.upload_id.as_str()).collect();
    for (key, upload_id) in seen.uploads.iter().filter(|(_, upload_id)| !waiting.contains(upload_id.as_str())) {
        let action = Action::AbortUpload { key: key.clone(), upload_id: upload_id.clone() };
        plan.may(action, seen.incomplete());
    }
    let videos = seen.videos.iter().filter(|video| !video.is_deleted());
    let originals: BTreeSet<_> = videos.filter_map(|video| video.upload.original).collect();
    for (owner, upload) in seen.reservations.iter().filter(|(_, upload)| !originals.contains(upload)) {
        plan.may(Action::Release { owner: owner.clone(), upload: *upload }, seen.incomplete());
    }
    for (key, why) in &seen.ended {
        let against = match key {
            DocumentKey::Share(share) if seen.set_aside.contains(&share.video()) => Some(Rule::SetAside(share.video())),
            DocumentKey::Share(share) if seen.may_be_incomplete(&share.video()) => {
                Some(Rule::Unreadable(DocumentKey::Video(share.video())))
            }
            _ => None,
        };
        plan.may(Action::RemoveDocument { key: key.clone(), why }, against);
    }
    plan.actions.extend(seen.stray_plans.iter().cloned().map(Action::RemovePlan));
    plan
}

/// What jobs abandoned.
pub(crate) fn abandoned(seen: &Snapshot) -> Vec<Action> {
    let steps = seen.swept_jobs().map(|job| Action::RemoveAbandoned {
        job: job.id.clone(),
        video: job.video.clone(),
        abandoned: job.abandoned.clone(),
    });
    steps.collect()
}

/// What videos say of themselves.
fn videos(seen: &Snapshot, plan: &mut Plan) {
    // The ladder, the migration or the first job of these may still read the original.
    let busy: BTreeSet<ShortId> = seen.queue.iter().map(|id| id.video().clone()).collect();
    let by_settings = || (!seen.settings_certain).then_some(Rule::SettingsFellBack);
    for video in &seen.videos {
        match &video.phase {
            Phase::Deleted { .. } => {
                plan.actions.push(Action::RemoveVideo(video.clone()));
                continue;
            }
            Phase::Uploading if video.abandoned_at() < seen.now => {
                plan.actions.push(Action::Abandon(video.clone()));
            }
            Phase::Completed | Phase::Failed { .. }
                if video.expires_at(seen.settings.expire_after_days).is_some_and(|end| end <= seen.now) =>
            {
                plan.may(Action::Expire(video.clone()), by_settings());
                continue;
            }
            Phase::Completed
                if !seen.settings.keep_originals
                    && video.upload.original.is_some()
                    && video.stream().is_some()
                    && !busy.contains(&video.short_id) =>
            {
                plan.may(Action::RetireOriginal(video.clone()), by_settings());
            }
            Phase::Pending | Phase::Processing => plan.actions.extend(lost_job(seen, video)),
            _ => {}
        }
        let ended: Vec<_> = video.superseded.iter().filter(|old| old.until < seen.now).map(|old| old.id).collect();
        if !ended.is_empty() {
            plan.actions.push(Action::RemoveSuperseded(video.clone(), ended));
        }
    }
}

fn lost_job(seen: &Snapshot, video: &Video) -> Option<Action> {
    let id = video.job.as_ref().filter(|id| !seen.queue.contains(*id))?;
    if seen.unreadable.contains(&DocumentKey::Job(id.clone())) {
        return None;
    }
    match seen.jobs.iter().find(|job| job.id == *id) {
        None => Job::new(video.short_id.clone(), JobKind::First, id.number(), seen.now).ok().map(Action::Enqueue),
        Some(Job { state: JobState::Failed { reason, .. }, .. }) => Some(Action::Fail(video.clone(), reason.clone())),
        Some(Job { state: JobState::Done { .. }, .. }) => None,
        Some(job) => Some(Action::Enqueue(job.clone())),
    }
}

fn orphans(seen: &Snapshot, plan: &mut Plan) {
    plan.note = seen.noted();
    let hold = |id, rule| Held { action: Action::RemoveOrphan(id), rule };
    if let Some(key) = seen.unreadable.first() {
        plan.held.extend(seen.orphans().into_iter().map(|id| hold(id, Rule::Unreadable(key.clone()))));
        return;
    }
    let mut due = Vec::new();
    for (id, sighting) in &mut plan.note {
        if !sighting.is_due() {
            let (since, days, asked) = (sighting.since, sighting.days(), ORPHANED_FOR.as_hours() / 24);
            plan.held.push(hold(*id, Rule::Waits { since, days, asked }));
        } else if let Some(owner) = held_by(seen, *id) {
            // What a record may name is no orphan yet: its days begin when nothing holds it.
            *sighting = Sighting::first(seen.now);
            plan.held.push(hold(*id, Rule::SetAside(owner.clone())));
        } else {
            due.push(*id);
        }
    }
    let most = (seen.all / ONE_IN).max(CLIPS_AT_ONCE * UUIDS_OF_A_CLIP);
    if due.len() > most && !seen.force {
        let rule = Rule::TooMany { due: due.len(), most };
        plan.held.extend(due.into_iter().map(|id| hold(id, rule.clone())));
    } else {
        plan.actions.extend(due.into_iter().map(Action::RemoveOrphan));
    }
}

/// The clip with a record set aside that this could be of: the one that it names, or any if it says nothing.
fn held_by(seen: &Snapshot, id: EncodeId) -> Option<&ShortId> {
    match seen.clips.get(&id) {
        Some(clip) => seen.set_aside.get(clip),
        None => seen.set_aside.first(),
    }
}

#[cfg(test)]
mod tests;
