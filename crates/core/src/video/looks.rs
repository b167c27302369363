//! When a clip's document is to be looked at though nobody asks for the clip: what a deletion, a retirement or a kill
//! leaves to do. Each look is noted in the bucket before the change that makes it necessary, so that no kill loses it.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Phase, Video};

/// A clip that is on its way is looked at so often: it may wait for a job that nobody wrote.
const ON_ITS_WAY_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// After a look at which a runner was still at work on a deleted clip.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_mins(1);

impl Video {
    /// The looks, in unix seconds, that the document wants as it is at `now`.
    fn looks(&self, now: Timestamp) -> BTreeSet<i64> {
        let superseded = self.superseded.iter().map(|old| old.until.as_second() + 1);
        let own = match &self.phase {
            Phase::Deleted { at } => Some(at.as_second()),
            Phase::Uploading | Phase::Pending | Phase::Processing => Some(self.on_its_way(now)),
            Phase::Completed | Phase::Failed { .. } => None,
        };
        superseded.chain(own).map(|second| second.max(0)).collect()
    }

    /// The looks that became necessary by a change at `now` that made this of `before`.
    pub fn new_looks(&self, before: Option<&Self>, now: Timestamp) -> BTreeSet<i64> {
        let known = before.map(|before| before.looks(now)).unwrap_or_default();
        self.looks(now).difference(&known).copied().collect()
    }

    /// The looks at it that may still be noted, to be forgotten with it at `now`. One that is due already goes by itself.
    pub fn noted_looks(&self, now: Timestamp) -> BTreeSet<i64> {
        let mut looks = self.looks(now);
        looks.insert(self.on_its_way(now));
        looks
    }

    /// The look after one at `now` that did what there was to do. What else it waits for is noted already.
    pub fn next_look(&self, now: Timestamp) -> Option<i64> {
        match &self.phase {
            Phase::Deleted { .. } => Some((now + AGAIN_AFTER).as_second()),
            Phase::Uploading | Phase::Pending | Phase::Processing => Some(self.on_its_way(now)),
            Phase::Completed | Phase::Failed { .. } => None,
        }
    }

    /// The next whole number of hours after its beginning: always the same second, whoever notes it.
    fn on_its_way(&self, now: Timestamp) -> i64 {
        let every = ON_ITS_WAY_EVERY.as_secs();
        let begun = self.created_at.as_second();
        (begun + ((now.as_second() - begun).max(0) / every + 1) * every).max(0)
    }
}
