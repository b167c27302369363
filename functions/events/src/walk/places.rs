//! The places of a lap, a part of each at a time.

use std::collections::BTreeSet;

use clipset_bucket::BucketError;
use clipset_core::{
    id::{EncodeId, ShortId, Username},
    key::DocumentKey,
    quota::Charge,
    video::Video,
};

use super::{Met, Place, Run};
use crate::{
    action::Action,
    ended,
    look::Unreadable,
    plan::{Snapshot, plan},
    sweep::do_all,
    tend::tend,
};

/// Shards that are read together; each counts as one document.
const SHARDS: usize = 200;

/// Keys of one listing, the most that there are on a page.
const PAGE: usize = 1000;

/// A page of media costs as much as so many documents, by S3's prices and by the time that it takes.
const PAGE_READS: usize = 20;

impl Run<'_> {
    /// One part of the place where the walk is; gives where that place goes on, `None` at its end.
    pub(super) async fn part(&mut self) -> Result<Option<String>, BucketError> {
        let [shares, sessions, invitations, attempts] = ended::PLACES;
        match self.walk.place {
            Place::Listing => self.listing().await,
            Place::Documents => self.documents().await,
            Place::Shares => self.ended(shares).await,
            Place::Sessions => self.ended(sessions).await,
            Place::Invitations => self.ended(invitations).await,
            Place::Attempts => self.ended(attempts).await,
            Place::Quotas => self.quotas().await,
            Place::Ghosts => self.ghosts().await,
            Place::Hls => self.media("hls/").await,
            Place::Progressive => self.media("progressive/").await,
            Place::Images => self.media("images/").await,
            Place::Originals => self.media("originals/").await,
            Place::Judgement => self.judge().await.map(|()| None),
        }
    }

    async fn listing(&mut self) -> Result<Option<String>, BucketError> {
        let shards = self.service.videos.shards(self.walk.after.as_deref(), SHARDS).await?;
        self.has_read(shards.len());
        self.walk.tally.count(shards.iter().flat_map(|(_, entries)| entries));
        // One that was marked as damaged, and can be read again, is not as its document is.
        for entry in shards.iter().flat_map(|(_, entries)| entries).filter(|entry| !entry.damaged) {
            self.met.add(Met::Entry(&entry.short_id, entry.revision));
            self.walk.migrate |= entry.is_to_move();
        }
        let after = shards.last().filter(|_| shards.len() == SHARDS).map(|(name, _)| name.clone());
        if after.is_none() {
            self.service.bucket.put(&DocumentKey::Tally, &self.walk.tally).await?;
        }
        Ok(after)
    }

    async fn documents(&mut self) -> Result<Option<String>, BucketError> {
        let part = self.service.videos.part(self.walk.after.as_deref(), PAGE.min(self.reads.max(1))).await?;
        self.has_read(part.videos.len());
        let mut unreadable: Unreadable = part.unreadable.into_iter().map(DocumentKey::Video).collect();
        for video in &part.videos {
            self.met.add(Met::Document(&video.short_id));
            video.ids().into_iter().for_each(|id| self.met.add(Met::Named(id)));
        }
        let listed = |video: &Video| self.met.has(Met::Entry(&video.short_id, video.revision));
        let old: Vec<Video> = part.videos.iter().filter(|video| !listed(video)).cloned().collect();
        self.swept.entries += old.len() as u64;
        self.service.videos.relist(&old).await?;
        self.swept += tend(self.service, self.round, part.videos, &mut unreadable).await?;
        self.walk.met_unreadable(unreadable);
        Ok(part.after)
    }

    async fn ended(&mut self, place: &str) -> Result<Option<String>, BucketError> {
        let keys = self.page(place).await?;
        let mut unreadable = self.walk.unreadable();
        let known = unreadable.len();
        let ended = ended::among(self.service, &keys, self.round.now, &mut unreadable).await?;
        self.walk.met_unreadable(unreadable.split_off(known));
        if !ended.is_empty() {
            let set_aside = self.round.set_aside.clone();
            let blank = Snapshot::blank(self.round.now, self.round.settings.clone());
            let seen = Snapshot { ended, set_aside, unreadable, ..blank };
            self.swept += do_all(self.service, plan(&seen).actions).await?;
        }
        Ok(self.next_of(&keys))
    }

    async fn quotas(&mut self) -> Result<Option<String>, BucketError> {
        let keys = self.page(ended::QUOTAS).await?;
        let mut unreadable = Unreadable::new();
        let reserved = ended::reserved(self.service, &keys, self.round.now, &mut unreadable).await?;
        self.walk.met_unreadable(unreadable);
        let mut actions = Vec::new();
        for (owner, charge) in reserved {
            actions.extend(self.release(owner, charge).await?);
        }
        self.swept += do_all(self.service, actions).await?;
        Ok(self.next_of(&keys))
    }

    /// Bytes that no upload has. Those of versions that noted no clip are left to a whole sweep.
    async fn release(&self, owner: Username, charge: Charge) -> Result<Option<Action>, BucketError> {
        let Some(clip) = &charge.video else { return Ok(None) };
        let upload = charge.upload;
        match self.service.videos.get(clip).await {
            Ok(Some(found)) if !found.value.is_deleted() && found.value.upload.original == Some(upload) => Ok(None),
            Ok(_) => Ok(Some(Action::Release { owner, upload })),
            Err(error) if error.is_unreadable() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn ghosts(&mut self) -> Result<Option<String>, BucketError> {
        let shards = self.service.videos.shards(self.walk.after.as_deref(), SHARDS).await?;
        self.has_read(shards.len());
        for (name, entries) in &shards {
            let doubted = entries.iter().filter(|entry| !self.met.has(Met::Document(&entry.short_id)));
            let doubted: Vec<ShortId> = doubted.map(|entry| entry.short_id.clone()).collect();
            self.has_read(doubted.len());
            self.swept.entries += self.service.videos.mend_shard(name, doubted).await?;
        }
        Ok(shards.last().filter(|_| shards.len() == SHARDS).map(|(name, _)| name.clone()))
    }

    async fn media(&mut self, prefix: &str) -> Result<Option<String>, BucketError> {
        let names = self.service.bucket.page(prefix, true, self.walk.after.as_deref(), PAGE).await?;
        self.has_read(PAGE_READS);
        let ids: BTreeSet<EncodeId> =
            names.iter().filter_map(|name| name.strip_prefix(prefix)?.split(['/', '.']).next()?.parse().ok()).collect();
        self.walk.stored += ids.len();
        for id in ids {
            if !self.met.has(Met::Named(id)) {
                self.walk.found_nameless(id);
            }
        }
        Ok(names.last().filter(|_| names.len() == PAGE).cloned())
    }

    async fn page(&mut self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let most = PAGE.min(self.reads.max(1));
        let keys = self.service.bucket.page(prefix, false, self.walk.after.as_deref(), most).await?;
        self.has_read(keys.len());
        Ok(keys)
    }

    /// An empty page is the end of a place.
    fn next_of(&self, keys: &[String]) -> Option<String> {
        keys.last().cloned()
    }

    fn has_read(&mut self, documents: usize) {
        self.reads = self.reads.saturating_sub(documents);
    }
}
