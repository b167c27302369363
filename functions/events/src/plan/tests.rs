//! For any documents and objects, with any of the documents unreadable, nothing goes that one of them could name.

use clipset_core::{
    id::Username,
    settings::Days,
    video::{HlsStream, Publication, Superseded, Upload},
};
use proptest::prelude::*;

use super::*;

/// One clip as it truly is, and how much of it can be read.
#[derive(Debug, Clone)]
struct Clip {
    video: Video,
    job: Job,
    /// A uuid of its own that no document names.
    stray: EncodeId,
    record: Record,
    job_is_readable: bool,
    /// Beside the record that can be read, one was set aside.
    another_aside: bool,
    /// Its media say whose they are.
    says: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Record {
    Readable,
    Damaged,
    SetAside,
    /// Deleted, with its document.
    Gone,
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).expect("a time")
}

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

impl Clip {
    /// All that is truly its own.
    fn ids(&self) -> BTreeSet<EncodeId> {
        let job = self.job.writing.iter().chain(&self.job.abandoned).copied();
        self.video.ids().into_iter().chain(job).chain([self.stray]).collect()
    }

    fn can_be_read(&self) -> bool {
        self.record == Record::Readable && self.job_is_readable && !self.another_aside
    }

    fn is_set_aside(&self) -> bool {
        self.record == Record::SetAside || self.another_aside
    }

    /// What its documents name to be kept, whether they can be read or not.
    fn kept(&self) -> BTreeSet<EncodeId> {
        if self.record == Record::Gone || self.video.is_deleted() {
            return BTreeSet::new();
        }
        // The record itself says that these have ended, whatever its job says.
        let readable = self.record == Record::Readable;
        let ended = self.video.superseded.iter().filter(|old| readable && old.until < now());
        let ended: Vec<_> = ended.map(|old| old.id).collect();
        if !self.can_be_read() {
            return self.ids().into_iter().filter(|id| !ended.contains(id)).collect();
        }
        let named = self.video.ids().into_iter().filter(|id| !ended.contains(id));
        named.chain(self.job.writing.iter().copied()).collect()
    }
}

prop_compose! {
    fn clip()(
        phase in 0..5, record in 0..6, job_is_readable in prop::bool::weighted(0.8), says in any::<bool>(),
        another_aside in prop::bool::weighted(0.1), superseded in -2_i64..2, job in 0..4, age in 0_i64..400,
    ) -> Clip {
        let id = EncodeId::random;
        let upload = Upload { original: Some(id()), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let owner: Username = "ada".parse().expect("a name");
        let made = now() - hours(age);
        let mut video = Video::begin(ShortId::random(), owner, "Clip".into(), upload, made);
        let mut work = Job::new(video.short_id.clone(), JobKind::First, 1, made).expect("a job");
        if phase > 0 {
            video.complete_upload(1, work.id.clone()).expect("uploading");
        }
        if phase > 1 {
            let hls = Some(HlsStream { encode: id(), renditions: vec![] });
            let (poster, job) = (Some(id()), work.id.clone());
            let publication = Publication {
                job, at: made, duration_seconds: 1.0, width: 2, height: 2, hls, poster,
                progressive: None, storyboard: None, checked: Some(made),
            };
            video.publish(publication, made).expect("pending");
            video.superseded.push(Superseded { id: id(), until: now() + hours(superseded) });
        }
        if phase == 3 {
            video.delete(made);
        }
        if job > 0 {
            let lease = work.claim("one", now()).expect("waiting");
            work.will_write(&lease, id()).expect("held");
            // Published a moment before the runner was lost.
            let published = video.stream().map(|stream| stream.encode);
            published.into_iter().for_each(|id| work.will_write(&lease, id).expect("held"));
            if job > 1 {
                work.release(&lease, true).expect("held");
            }
            if job > 2 {
                work.give_up("no".into(), now()).expect("free");
            }
        }
        let record = match record {
            0 => Record::Damaged,
            1 => Record::SetAside,
            2 => Record::Gone,
            _ => Record::Readable,
        };
        // The documents of a clip that was deleted went together.
        let job_is_readable = job_is_readable || record == Record::Gone;
        let another_aside = another_aside && record == Record::Readable;
        Clip { video, job: work, stray: id(), record, job_is_readable, another_aside, says }
    }
}

fn sighting(kind: u8) -> Option<Sighting> {
    let week = ORPHANED_FOR.as_secs();
    let (last, waited_seconds) = match kind {
        0 => return None,
        1 => (-1, week / 2),
        2 => (100, week),
        _ => (-1, week),
    };
    Some(Sighting { since: now() - hours(200), last: now() + hours(last), waited_seconds })
}

fn snapshot(clips: &[Clip], sightings: &[u8], settings_certain: bool, force: bool) -> Snapshot {
    let stored: BTreeSet<_> = clips.iter().flat_map(Clip::ids).collect();
    let jobs = clips.iter().filter(|clip| clip.record != Record::Gone);
    let (readable, unreadable): (Vec<_>, Vec<_>) = jobs.partition(|clip| clip.job_is_readable);
    let damaged = clips.iter().filter(|clip| clip.record == Record::Damaged);
    let damaged = damaged.map(|clip| DocumentKey::Video(clip.video.short_id.clone()));
    let note = stored.iter().zip(sightings.iter().cycle()).filter_map(|(id, kind)| Some((*id, sighting(*kind)?)));
    let set_aside = clips.iter().filter(|clip| clip.is_set_aside());
    let mut settings = Settings::default();
    (settings.expire_after_days, settings.keep_originals) = (Some(Days::of::<10>()), false);
    let mut seen = Snapshot {
        now: now(),
        note: note.collect(),
        videos: clips.iter().filter(|clip| clip.record == Record::Readable).map(|clip| clip.video.clone()).collect(),
        jobs: readable.iter().map(|clip| clip.job.clone()).collect(),
        queue: readable.iter().filter(|clip| !clip.job.has_ended()).map(|clip| clip.job.id.clone()).collect(),
        unreadable: unreadable.iter().map(|clip| DocumentKey::Job(clip.job.id.clone())).chain(damaged).collect(),
        set_aside: set_aside.map(|clip| clip.video.short_id.clone()).collect(),
        all: stored.len(),
        longest_step: note::LONGEST_STEP,
        stored,
        clips: BTreeMap::new(),
        settings,
        settings_certain,
        uploads: vec![("originals/x".into(), "an upload".into())],
        reservations: vec![("ada".parse().expect("a name"), EncodeId::random())],
        ended: Vec::new(),
        stray_plans: Vec::new(),
        force,
    };
    let due = seen.due();
    for clip in clips.iter().filter(|clip| clip.says) {
        let own = clip.ids();
        seen.clips.extend(due.iter().filter(|id| own.contains(id)).map(|id| (*id, clip.video.short_id.clone())));
    }
    seen
}

/// What a plan removes, expiry and deletions that a readable document asks for apart.
fn removed(seen: &Snapshot, plan: &Plan) -> BTreeSet<EncodeId> {
    let mut removed = BTreeSet::new();
    for action in &plan.actions {
        match action {
            Action::RemoveSuperseded(_, ids) => removed.extend(ids),
            Action::RemoveOrphan(id) => _ = removed.insert(*id),
            Action::RemoveAbandoned { video, abandoned, .. } => {
                let named = seen.videos.iter().find(|held| held.short_id == *video).map(Video::ids).unwrap_or_default();
                removed.extend(abandoned.iter().filter(|id| !named.contains(id)));
            }
            Action::RemoveVideo(video) => removed.extend(video.ids()),
            _ => {}
        }
    }
    removed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_goes_that_a_document_could_name_whether_it_can_be_read_or_not(
        clips in prop::collection::vec(clip(), 1..6), sightings in prop::collection::vec(0_u8..5, 1..40),
        settings_certain in any::<bool>(), force in any::<bool>(),
    ) {
        let seen = snapshot(&clips, &sightings, settings_certain, force);
        let plan = plan(&seen);
        let removed = removed(&seen, &plan);
        let kept: BTreeSet<_> = clips.iter().flat_map(Clip::kept).collect();
        prop_assert_eq!(removed.intersection(&kept).collect::<Vec<_>>(), Vec::<&EncodeId>::new());
        let incomplete = clips.iter().any(|clip| clip.record == Record::Damaged || clip.is_set_aside());
        for action in &plan.actions {
            match action {
                Action::RemoveOrphan(id) => {
                    let clip = clips.iter().find(|clip| clip.ids().contains(id)).expect("somebody's");
                    prop_assert!(clip.says || !incomplete, "it says nothing, so any record could name it");
                    prop_assert!(seen.note[id].again(now(), note::LONGEST_STEP).is_due());
                }
                Action::AbortUpload { .. } | Action::Release { .. } => prop_assert!(!incomplete),
                Action::Expire(_) | Action::RetireOriginal(_) => prop_assert!(settings_certain),
                _ => {}
            }
        }
    }
}

/// So many orphans that are due, of clips that are gone, in an otherwise empty bucket.
fn due_orphans(count: usize, force: bool) -> Plan {
    let stored: BTreeSet<_> = std::iter::repeat_with(EncodeId::random).take(count).collect();
    let mut seen = snapshot(&[], &[0], true, force);
    seen.note = stored.iter().filter_map(|id| Some((*id, sighting(3)?))).collect();
    seen.all = stored.len();
    seen.stored = stored;
    plan(&seen)
}

#[test]
fn ten_clips_worth_of_orphans_go_at_once_and_more_only_with_force() {
    let orphans = |plan: &Plan| plan.actions.iter().filter(|step| matches!(step, Action::RemoveOrphan(_))).count();
    assert_eq!(orphans(&due_orphans(50, false)), 50);
    let held = due_orphans(51, false);
    assert_eq!((orphans(&held), held.held.len(), held.note.len()), (0, 51, 51));
    assert!(held.held[0].to_string().contains("51 at once are more than 1 % (50); --force removes them"));
    assert_eq!(orphans(&due_orphans(51, true)), 51);
}

#[test]
fn an_orphan_that_a_record_set_aside_could_name_begins_its_days_anew() {
    let mut seen = snapshot(&[], &[0], true, false);
    let (silent, of_it, of_another) = (EncodeId::random(), EncodeId::random(), EncodeId::random());
    let clip = ShortId::random();
    seen.stored = [silent, of_it, of_another].into();
    seen.note = seen.stored.iter().filter_map(|id| Some((*id, sighting(3)?))).collect();
    seen.set_aside = [clip.clone()].into();
    seen.clips = [(of_it, clip), (of_another, ShortId::random())].into();
    let plan = plan(&seen);
    let orphans: Vec<_> = plan.actions.iter().filter(|step| matches!(step, Action::RemoveOrphan(_))).collect();
    assert_eq!(orphans, [&Action::RemoveOrphan(of_another)]);
    assert_eq!((plan.note[&silent], plan.note[&of_it]), (Sighting::first(now()), Sighting::first(now())));
}
