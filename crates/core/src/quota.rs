//! What one member uploaded in the last seven days: `accounts/quotas/{username}.json`.
//!
//! An upload reserves its bytes when it begins and settles for those that arrived when it ends. Every change is one
//! conditional write of this document, so that uploads at once never take more together than is allowed.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::id::EncodeId;

/// Bytes count for so long.
pub const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The bytes of one upload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Charge {
    /// `originals/{uuid}`.
    pub upload: EncodeId,
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

impl Quota {
    /// Bytes that count at `now`.
    pub fn used(&self, now: Timestamp) -> u64 {
        self.charges.iter().filter(|charge| charge.at + WEEK > now).map(|charge| charge.bytes).sum()
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
        let at = before.map_or(now, |before| before.at);
        self.charges.retain(|charge| charge.upload != upload && charge.at + WEEK > now);
        let left = limit.saturating_sub(self.used(now));
        if bytes > left {
            return Err(OverQuota { bytes, limit, left, free_at: self.room_at(bytes, limit, now) });
        }
        self.charges.push(Charge { upload, bytes, at, settled });
        self.charges.sort_by_key(|charge| charge.at);
        Ok(())
    }

    /// The upload was given up before its end.
    pub fn release(&mut self, upload: EncodeId) {
        self.charges.retain(|charge| charge.upload != upload || charge.settled);
    }

    fn room_at(&self, bytes: u64, limit: u64, now: Timestamp) -> Option<Timestamp> {
        let mut used = self.used(now);
        for charge in &self.charges {
            used -= charge.bytes;
            if used.saturating_add(bytes) <= limit {
                return Some(charge.at + WEEK);
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
}
