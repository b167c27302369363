//! The end of a lap: since when uuids without a name have been so, and what goes. The plan is the whole sweep's.

use clipset_bucket::BucketError;
use clipset_core::id::EncodeId;
use jiff::SignedDuration;

use super::{Met, Run};
use crate::{
    action::Action,
    look::{ask_for_clips, migration, note, of_clips_set_aside},
    note::LONGEST_STEP,
    plan::{STRAY_AFTER, Snapshot, plan},
    sweep::{do_all, keep_note, prefixes, remove_objects, start_migration, warn_of},
};

/// Orphans that one run removes; the others have their turn at the next.
const ORPHANS_AT_ONCE: usize = 500;

impl Run<'_> {
    /// Notes orphans and removes those that are due. What is left for the next run stays in `found`.
    pub(super) async fn judge(&mut self) -> Result<(), BucketError> {
        let seen = self.seen().await?;
        let plan = plan(&seen);
        keep_note(self.service, &seen.note, &plan.note).await?;
        warn_of(&plan.held);
        let (mut orphans, mut others) = (Vec::new(), Vec::new());
        for action in plan.actions {
            match action {
                Action::RemoveOrphan(id) => orphans.push(id),
                other => others.push(other),
            }
        }
        if self.walk.too_many {
            tracing::warn!("more uuids have no name than a walk remembers: `clipset sweep` sees all of them at once");
            orphans.clear();
        }
        self.swept += do_all(self.service, others).await?;
        let later = orphans.split_off(orphans.len().min(ORPHANS_AT_ONCE));
        for id in orphans {
            self.remove_orphan(id).await?;
            self.walk.found.remove(&id);
        }
        if later.is_empty() {
            self.walk.found.clear();
        }
        self.walk.waited_seconds = 0;
        if self.walk.migrate {
            start_migration(self.service).await?;
        }
        Ok(())
    }

    /// What the lap saw, as a whole sweep would have.
    async fn seen(&self) -> Result<Snapshot, BucketError> {
        let mut unreadable = self.walk.unreadable();
        migration(self.service, &mut unreadable).await?;
        let note = note(self.service, &mut unreadable).await?;
        let set_aside = of_clips_set_aside(self.service).await?;
        // Those that began before the lap, so that their videos' documents were read.
        let before = self.walk.began.min(self.round.now - STRAY_AFTER);
        let mut uploads = self.service.bucket.uploads_before("", before).await?;
        uploads.retain(|(key, _)| {
            let id = key.rsplit('/').next().and_then(|name| name.parse::<EncodeId>().ok());
            id.is_none_or(|id| !self.met.has(Met::Named(id)))
        });
        let longest = SignedDuration::from_secs(self.walk.waited_seconds).max(LONGEST_STEP);
        let mut seen = Snapshot {
            stored: self.walk.found.clone(),
            all: self.walk.stored,
            unreadable,
            set_aside,
            note,
            longest_step: longest,
            uploads,
            ..Snapshot::blank(self.round.now, self.round.settings.clone())
        };
        ask_for_clips(self.service, &mut seen).await?;
        Ok(seen)
    }

    /// Removes what stands below `id`, unless the clip that it says it is of names it, or cannot be read.
    async fn remove_orphan(&mut self, id: EncodeId) -> Result<(), BucketError> {
        if let Some(clip) = self.service.bucket.clip_of(id).await? {
            match self.service.videos.get(&clip).await {
                Ok(Some(found)) if found.value.ids().contains(&id) => return Ok(()),
                Err(error) if error.is_unreadable() => return Ok(()),
                found => drop(found?),
            }
        }
        let action = Action::RemoveOrphan(id);
        tracing::info!("{action}");
        self.swept.objects += remove_objects(self.service, prefixes(&[id])).await?;
        self.swept.actions += 1;
        Ok(())
    }
}
