//! What one member uploaded in the last seven days: `accounts/quotas/{username}.json`.
//!
//! An upload reserves its bytes when it begins and settles for those that arrived when it ends; between the two it is open.
//! Every change is one conditional write of this document, so that uploads at once never take more together than is
//! allowed, and never are more.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::{EncodeId, ShortId},
    video::{ABANDONED_AFTER, MOST_OPEN_UPLOADS},
};

/// Bytes count for so long.
pub const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The bytes of one upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// `originals/{uuid}`.
    pub upload: EncodeId,
    /// Of this video; `None` for one that was begun before this was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<ShortId>,
    /// Reserved, or arrived.
    pub bytes: u64,
    /// When the upload began.
    pub at: Timestamp,
    /// It is complete: these are the bytes that arrived, and nothing gives them back but time.
    #[serde(default)]
    pub settled: bool,
}

/// All charges of one member.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Quota {
    /// The oldest first.
    pub charges: Vec<Charge>,
}

/// Why an upload may not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Too many bytes.
    #[error(transparent)]
    Bytes(#[from] OverQuota),
    /// Too many that are open.
    #[error("{MOST_OPEN_UPLOADS} uploads are open")]
    Open,
}

/// Too many bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are too many: {left} of {limit} are left")]
pub struct OverQuota {
    /// What the upload has.
    pub bytes: u64,
    /// What a week allows.
    pub limit: u64,
    /// What is left of it now.
    pub left: u64,
    /// When there will be room for the upload; never, if it is larger than what a week allows.
    pub free_at: Option<Timestamp>,
}

impl Charge {
    /// What is reserved counts until it settles or is given back; what arrived, for a week.
    fn counts(&self, now: Timestamp) -> bool {
        !self.settled || self.at + WEEK > now
    }

    /// When its bytes are given back; of an open upload, what can be said of it.
    fn ends_at(&self, now: Timestamp) -> Timestamp {
        let week = self.at + WEEK;
        if self.settled { week } else { week.max(now + ABANDONED_AFTER) }
    }
}

impl Quota {
    /// Bytes that count at `now`.
    pub fn used(&self, now: Timestamp) -> u64 {
        let counted = self.charges.iter().filter(|charge| charge.counts(now));
        counted.fold(0, |sum, charge| sum.saturating_add(charge.bytes))
    }

    /// Uploads that have begun and not ended.
    pub fn open(&self) -> impl Iterator<Item = &Charge> {
        self.charges.iter().filter(|charge| !charge.settled)
    }

    /// Opens `upload` for `video` and reserves its `bytes`. Done again, it changes the video alone.
    ///
    /// # Errors
    /// [`Refusal`] if there is no room below `limit`, or as many are open as may be.
    pub fn begin(
        &mut self,
        upload: EncodeId,
        video: &ShortId,
        bytes: u64,
        limit: u64,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let others = self.open().filter(|charge| charge.upload != upload).count();
        self.charge(upload, bytes, false, limit, now)?;
        if others >= MOST_OPEN_UPLOADS {
            self.release(upload);
            return Err(Refusal::Open);
        }
        self.charges.iter_mut().filter(|charge| charge.upload == upload).for_each(|charge| {
            charge.video = Some(video.clone());
        });
        Ok(())
    }

    /// Takes `bytes` for `upload`, in place of what it took before; forgets what no longer counts.
    ///
    /// # Errors
    /// [`OverQuota`] if there is no room for them below `limit`.
    pub fn charge(
        &mut self,
        upload: EncodeId,
        bytes: u64,
        settled: bool,
        limit: u64,
        now: Timestamp,
    ) -> Result<(), OverQuota> {
        let before = self.charges.iter().find(|charge| charge.upload == upload).cloned();
        if settled && before.as_ref().is_some_and(|before| before.settled) {
            return Ok(());
        }
        let (at, video) = before.map_or((now, None), |before| (before.at, before.video));
        self.charges.retain(|charge| charge.upload != upload && charge.counts(now));
        let left = limit.saturating_sub(self.used(now));
        if bytes > left {
            return Err(OverQuota { bytes, limit, left, free_at: self.room_at(bytes, limit, now) });
        }
        self.charges.push(Charge { upload, video, bytes, at, settled });
        self.charges.sort_by_key(|charge| charge.at);
        Ok(())
    }

    /// The upload was given up before its end.
    pub fn release(&mut self, upload: EncodeId) {
        self.charges.retain(|charge| charge.upload != upload || charge.settled);
    }

    fn room_at(&self, bytes: u64, limit: u64, now: Timestamp) -> Option<Timestamp> {
        let mut used = self.used(now);
        let mut ends: Vec<_> = self.charges.iter().map(|charge| (charge.ends_at(now), charge.bytes)).collect();
        ends.sort();
        for (end, freed) in ends {
            used = used.saturating_sub(freed);
            if used.saturating_add(bytes) <= limit {
                return Some(end);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).expect("a time")
    }

    #[test]
    fn bytes_are_given_back_after_seven_days_to_the_hour() {
        let mut quota = Quota::default();
        quota.charge(EncodeId::random(), 60, true, 100, at(0)).expect("room");
        quota.charge(EncodeId::random(), 30, false, 100, at(24)).expect("room");
        let over = quota.charge(EncodeId::random(), 50, false, 100, at(48)).expect_err("no room");
        assert_eq!(over, OverQuota { bytes: 50, limit: 100, left: 10, free_at: Some(at(7 * 24)) });
        let over = quota.charge(EncodeId::random(), 80, false, 100, at(48)).expect_err("no room");
        assert_eq!(over.free_at, Some(at(8 * 24)));
        let never = quota.charge(EncodeId::random(), 101, false, 100, at(48)).expect_err("no room");
        assert_eq!(never.free_at, None);
        quota.charge(EncodeId::random(), 50, false, 100, at(7 * 24)).expect("room again");
        assert_eq!(quota.used(at(7 * 24)), 80);
    }

    #[test]
    fn an_upload_settles_for_what_arrived_and_is_charged_once() {
        let (mut quota, upload) = (Quota::default(), EncodeId::random());
        quota.charge(upload, 60, false, 100, at(0)).expect("room");
        quota.charge(upload, 70, true, 100, at(1)).expect("room");
        quota.charge(upload, 70, true, 100, at(1)).expect("it is settled");
        assert_eq!(quota.used(at(1)), 70);
        quota.release(upload);
        assert_eq!(quota.used(at(1)), 70, "what arrived is not given back");
        let other = EncodeId::random();
        quota.charge(other, 30, false, 100, at(1)).expect("room");
        quota.release(other);
        assert_eq!(quota.used(at(1)), 70);
    }
    #[test]
    fn twenty_uploads_are_open_at_most_and_one_that_ends_makes_room() {
        let (mut quota, video) = (Quota::default(), ShortId::random());
        let begin = |quota: &mut Quota, upload| quota.begin(upload, &video, 1, 100, at(0));
        let uploads: Vec<_> = (0..MOST_OPEN_UPLOADS).map(|_| EncodeId::random()).collect();
        for upload in &uploads {
            begin(&mut quota, *upload).expect("room");
        }
        let before = quota.clone();
        assert_eq!(begin(&mut quota, EncodeId::random()), Err(Refusal::Open));
        assert_eq!(quota, before, "what was refused is not charged");
        begin(&mut quota, uploads[3]).expect("it is open already");
        quota.charge(uploads[0], 1, true, 100, at(0)).expect("room");
        quota.release(uploads[1]);
        for _ in 0..2 {
            begin(&mut quota, EncodeId::random()).expect("room again");
        }
        assert_eq!(begin(&mut quota, EncodeId::random()), Err(Refusal::Open));
    }

    #[test]
    fn what_an_open_upload_reserved_counts_for_as_long_as_it_is_open() {
        let (mut quota, upload) = (Quota::default(), EncodeId::random());
        quota.begin(upload, &ShortId::random(), 60, 100, at(0)).expect("room");
        let late = at(8 * 24);
        assert_eq!(quota.used(late), 60);
        let over = quota.charge(EncodeId::random(), 50, false, 100, late).expect_err("no room");
        assert_eq!(over.free_at, Some(late + ABANDONED_AFTER));
        quota.release(upload);
        assert_eq!(quota.used(late), 0);
    }

    #[test]
    fn quotas_of_before_are_read() {
        let stored =
            r#"{"charges":[{"upload":"3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11","bytes":7,"at":"2026-11-22T10:00:00Z"}]}"#;
        let quota: Quota = serde_json::from_str(stored).expect("it is read");
        assert_eq!((quota.open().count(), quota.charges[0].video.clone()), (1, None));
    }
}
