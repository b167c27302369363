//! Since when uuids have been orphans: the note that each sweep leaves for the next ones.
//!
//! Clocks jump, so it is not the time since the first sighting that counts. It is the time between sightings, of which
//! each counts a day at most: a clock set ahead by years gives one day, and a second look by the right clock, which finds
//! a sighting in the future, begins anew.

use std::collections::{BTreeMap, BTreeSet};

use clipset_core::{Timestamp, id::EncodeId};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// For so long a uuid is an orphan before it is removed.
pub const ORPHANED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The most that counts between two sightings if nothing else vouches for the time, and the most by which two clocks may
/// differ.
pub const LONGEST_STEP: SignedDuration = SignedDuration::from_hours(24);

/// What is known of orphans, by uuid.
pub type Note = BTreeMap<EncodeId, Sighting>;

/// How long one uuid has been seen as an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// First seen.
    pub since: Timestamp,
    /// Last seen.
    pub last: Timestamp,
    /// Seconds that count.
    pub waited_seconds: i64,
}

impl Sighting {
    /// The first one, at `now`.
    pub fn first(now: Timestamp) -> Self {
        Self { since: now, last: now, waited_seconds: 0 }
    }

    /// The next one, at which `longest` counts at most.
    #[must_use]
    pub fn again(self, now: Timestamp, longest: SignedDuration) -> Self {
        let step = self.last.duration_until(now);
        if step < -LONGEST_STEP {
            return Self::first(now);
        }
        let counted = step.clamp(SignedDuration::ZERO, longest).as_secs();
        Self { last: self.last.max(now), waited_seconds: self.waited_seconds + counted, ..self }
    }

    /// It may go.
    pub fn is_due(&self) -> bool {
        self.waited_seconds >= ORPHANED_FOR.as_secs()
    }

    /// Whole days that count.
    pub fn days(&self) -> i64 {
        SignedDuration::from_secs(self.waited_seconds).as_hours() / 24
    }
}

/// The note after a run at `now` that found `orphans`. A run that is not `certain` counts nothing, and any other one
/// `longest` at most. What is named again drops out.
pub fn after(
    before: &Note,
    orphans: &BTreeSet<EncodeId>,
    certain: bool,
    now: Timestamp,
    longest: SignedDuration,
) -> Note {
    let found = orphans.iter().filter_map(|id| {
        let known = before.get(id).copied();
        let next =
            if certain { Some(known.map_or(Sighting::first(now), |known| known.again(now, longest))) } else { known };
        Some((*id, next?))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).expect("a time")
    }

    /// Looks at these hours, the first of which is the first sighting.
    fn seen(hours: impl IntoIterator<Item = i64>) -> Sighting {
        let mut hours = hours.into_iter();
        let first = Sighting::first(at(hours.next().expect("an hour")));
        hours.fold(first, |sighting, hour| sighting.again(at(hour), LONGEST_STEP))
    }

    #[test]
    fn seven_days_of_sightings_are_asked() {
        assert!(!seen(0..168).is_due());
        assert!(seen(0..=168).is_due());
        assert!(seen((0..=7).map(|day| day * 24)).is_due(), "once a day is enough");
    }

    #[test]
    fn a_clock_that_is_years_ahead_gives_a_day_and_the_right_one_begins_anew() {
        let ahead = seen([0, 100_000]);
        assert_eq!((ahead.days(), ahead.is_due()), (1, false));
        assert_eq!(ahead.again(at(2), LONGEST_STEP), Sighting::first(at(2)));
        assert!(!seen([0, 100_000, 100_001, 100_002]).is_due());
    }

    #[test]
    fn a_clock_that_is_an_hour_ahead_every_other_time_gives_an_hour_in_all() {
        let hours = (0..=160).flat_map(|hour| [hour, hour + 1]);
        assert_eq!(seen(hours).waited_seconds, 161 * 3600);
    }

    #[test]
    fn time_without_sightings_counts_as_a_day_at_most() {
        assert_eq!(seen([0, 24 * 30]).days(), 1);
    }

    #[test]
    fn what_is_named_again_begins_anew_and_an_uncertain_run_counts_nothing() {
        let (one, other) = (EncodeId::random(), EncodeId::random());
        let note = after(&Note::new(), &[one, other].into(), true, at(0), LONGEST_STEP);
        let uncertain = after(&note, &[one, EncodeId::random()].into(), false, at(5), LONGEST_STEP);
        assert_eq!(uncertain, Note::from([(one, Sighting::first(at(0)))]));
        let again = after(&uncertain, &[one, other].into(), true, at(6), LONGEST_STEP);
        assert_eq!(again[&other], Sighting::first(at(6)));
        assert_eq!(again[&one].waited_seconds, 6 * 3600);
    }
}
