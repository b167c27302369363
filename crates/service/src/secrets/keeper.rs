//! Secrets that were read, and when to read them again.

use std::sync::{Mutex, PoisonError};

use clipset_core::Timestamp;
use jiff::SignedDuration;

use super::ParameterStore;

/// A changed parameter counts after this time at the latest.
const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// After a failed reading the next one waits this long.
const RETRY: SignedDuration = SignedDuration::from_mins(1);

/// Says when parameters are due to be read again.
#[derive(Debug)]
pub(crate) struct Keeper {
    pub(crate) store: ParameterStore,
    /// By the wall clock: a frozen function's other clocks may stand still.
    next: Mutex<(Timestamp, Timestamp)>,
}

impl Keeper {
    /// Read just now.
    pub(crate) fn new(store: ParameterStore, now: Timestamp) -> Self {
        Self { store, next: Mutex::new((now, now + FRESH)) }
    }

    /// Whether they are due at `now`. Whoever is told so reads them; others go on meanwhile.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, due) = *next;
        // A clock that was set back makes nothing fresh for ever.
        if (asked..due).contains(&now) {
            return false;
        }
        *next = (now, now + RETRY);
        true
    }

    /// They were read at `now`.
    pub(crate) fn was_read(&self, now: Timestamp) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = (now, now + FRESH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn parameters_are_read_again_every_five_minutes_and_a_minute_after_a_failure() {
        let keeper = Keeper::new(ParameterStore::new("/clipset", &clipset_bucket::SdkConfig::builder().build()), at(0));
        assert!(!keeper.is_due(at(299)));
        assert!(keeper.is_due(at(300)));
        assert!(!keeper.is_due(at(301)), "one reads, the others go on");
        assert!(keeper.is_due(at(360)), "it failed, for nobody said that it was read");
        keeper.was_read(at(360));
        assert!(!keeper.is_due(at(659)) && keeper.is_due(at(660)));
        assert!(keeper.is_due(at(-1000)), "the clock was set back");
    }
}
