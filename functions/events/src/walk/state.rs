//! How far the walk has come, as it is kept in the bucket.

use std::collections::BTreeSet;

use clipset_core::{Timestamp, id::EncodeId, key::DocumentKey, listing::Tally};
use serde::{Deserialize, Serialize};

use crate::note::LONGEST_STEP;

/// Uuids without a name that are remembered; documents that cannot be read, likewise.
pub(super) const MOST_FOUND: usize = 20_000;
const MOST_UNREADABLE: usize = 1000;

/// A lap goes through these, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// Shards: which entries there are, and of which revision.
    Listing,
    /// Videos: what each leaves to do, whether its entry is as new, and what it names.
    Documents,
    /// Private documents with an end of their own.
    Shares,
    Sessions,
    Invitations,
    Attempts,
    /// What members have reserved.
    Quotas,
    /// Shards again: entries whose documents were not met.
    Ghosts,
    /// Media: uuids that nothing names.
    Hls,
    Progressive,
    Images,
    Originals,
    /// Since when they have been so, and what goes.
    Judgement,
}

impl Place {
    fn next(self) -> Option<Self> {
        const ORDER: [Place; 13] = [
            Place::Listing,
            Place::Documents,
            Place::Shares,
            Place::Sessions,
            Place::Invitations,
            Place::Attempts,
            Place::Quotas,
            Place::Ghosts,
            Place::Hls,
            Place::Progressive,
            Place::Images,
            Place::Originals,
            Place::Judgement,
        ];
        let at = ORDER.iter().position(|place| *place == self)?;
        ORDER.get(at + 1).copied()
    }
}

/// The stored filter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Names {
    /// `jobs/walk/names-{uuid}`.
    pub(super) id: EncodeId,
    /// Of its bytes: a bit that is lost would make an orphan.
    pub(super) sha256: String,
}

/// The present lap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Walk {
    pub(super) place: Place,
    /// Where it goes on in that place; `None` at its beginning.
    pub(super) after: Option<String>,
    /// When the lap began.
    pub(super) began: Timestamp,
    /// The last run.
    pub(super) ran: Timestamp,
    /// Seconds since the judgement before this lap's, of which each run counts a day at most.
    pub(super) waited_seconds: i64,
    /// What was met; `None` where nothing was yet.
    pub(super) names: Option<Names>,
    /// Uuids that were listed.
    pub(super) stored: usize,
    /// Those without a name.
    pub(super) found: BTreeSet<EncodeId>,
    /// There were more than can be remembered.
    pub(super) too_many: bool,
    /// Documents that cannot be read.
    pub(super) unreadable: Vec<String>,
    /// A finished video is not HLS.
    pub(super) migrate: bool,
    /// What the members keep, so far.
    pub(super) tally: Tally,
}

impl Walk {
    /// When its last run was.
    pub fn ran(&self) -> Timestamp {
        self.ran
    }

    /// A lap that begins at `now`.
    pub(super) fn begin(now: Timestamp) -> Self {
        Self {
            place: Place::Listing,
            after: None,
            began: now,
            ran: now,
            waited_seconds: 0,
            names: None,
            stored: 0,
            found: BTreeSet::new(),
            too_many: false,
            unreadable: Vec::new(),
            migrate: false,
            tally: Tally::default(),
        }
    }

    /// The same lap in a run at `now`. After a clock that was years ahead it begins anew.
    pub(super) fn resume(self, now: Timestamp) -> Self {
        let step = self.ran.duration_until(now);
        if step < -LONGEST_STEP {
            return Self::begin(now);
        }
        let counted = step.as_secs().clamp(0, LONGEST_STEP.as_secs());
        Self { ran: self.ran.max(now), waited_seconds: self.waited_seconds + counted, ..self }
    }

    /// Begins anew, as after a lap whose knowledge was lost.
    pub(super) fn anew(&mut self, now: Timestamp) {
        *self = Self { ran: self.ran, waited_seconds: self.waited_seconds, ..Self::begin(now) };
    }

    /// It goes on after `after`, or in the next place; false at the end of the lap.
    pub(super) fn go_on(&mut self, after: Option<String>) -> bool {
        if after.is_none() {
            let Some(next) = self.place.next() else { return false };
            self.place = next;
        }
        self.after = after;
        true
    }

    /// Nothing was met yet.
    pub(super) fn is_at_the_beginning(&self) -> bool {
        self.place == Place::Listing && self.after.is_none()
    }

    /// A uuid that nothing names.
    pub(super) fn found_nameless(&mut self, id: EncodeId) {
        if self.found.len() < MOST_FOUND {
            self.found.insert(id);
        } else {
            self.too_many = true;
        }
    }

    /// Documents that cannot be read: no orphan goes in this lap.
    pub(super) fn met_unreadable(&mut self, keys: impl IntoIterator<Item = DocumentKey>) {
        let room = MOST_UNREADABLE.saturating_sub(self.unreadable.len());
        self.unreadable.extend(keys.into_iter().take(room).map(|key| key.to_string()));
    }

    pub(super) fn unreadable(&self) -> Vec<DocumentKey> {
        self.unreadable.iter().filter_map(|key| DocumentKey::parse(key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn each_run_counts_a_day_at_most_and_a_clock_that_goes_back_begins_anew() {
        let start = Timestamp::from_second(1_800_000_000).expect("a time");
        let at = |hours| start + SignedDuration::from_hours(hours);
        let walk = Walk::begin(start).resume(at(1)).resume(at(3)).resume(at(2)).resume(at(3));
        assert_eq!(walk.waited_seconds, 3 * 3600);
        let ahead = walk.resume(at(100_000));
        assert_eq!(ahead.waited_seconds, 27 * 3600);
        assert_eq!(ahead.resume(at(4)), Walk::begin(at(4)));
    }

    #[test]
    fn a_lap_goes_through_every_place_and_ends() {
        let mut walk = Walk::begin(Timestamp::UNIX_EPOCH);
        let mut places = 1;
        assert!(walk.go_on(Some("a".into())) && walk.place == Place::Listing);
        while walk.go_on(None) {
            places += 1;
        }
        assert_eq!((places, walk.place), (13, Place::Judgement));
    }
}
