//! Wrong passwords: how many are free, and how long the next attempt waits after them.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Failed attempts that are counted together: `accounts/attempts/{name}.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Attempts {
    /// Failures that still count.
    pub failures: u32,
    /// The last one, or where the forgiving of a shared budget has come to.
    pub last: Option<Timestamp>,
}

/// How failures are held against the next attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Of one guesser alone: five failures are free, then the wait doubles from 2 s to a quarter of an hour. After an
    /// hour without a failure all is forgotten.
    Own,
    /// Of many who do not know each other: `free` failures, and one is forgiven every so many seconds. So nobody waits
    /// longer than that for what the others did, and together they never guess faster.
    Shared {
        /// Failures that cost no wait.
        free: u32,
        /// Seconds after which one is forgiven.
        forgiven_every: u32,
    },
}

impl Budget {
    const OWN_FREE: u32 = 5;
    const OWN_LONGEST: i64 = 15 * 60;
    const OWN_FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);
}

impl Attempts {
    /// Seconds to wait before the next attempt may be made; 0 means go on.
    pub fn wait(&self, budget: Budget, now: Timestamp) -> u64 {
        let held = self.held(budget, now);
        let Some(last) = held.last else { return 0 };
        let pause = match budget {
            Budget::Own if held.failures < Budget::OWN_FREE => return 0,
            Budget::Own => {
                let doubled = 2_i64.saturating_pow((held.failures - Budget::OWN_FREE + 1).min(10));
                doubled.min(Budget::OWN_LONGEST)
            }
            Budget::Shared { free, .. } if held.failures < free => return 0,
            Budget::Shared { free, forgiven_every } => i64::from(held.failures - free + 1) * i64::from(forgiven_every),
        };
        // Never longer than the pause, also where another machine's clock is ahead of ours.
        (last.as_second() + pause - now.as_second()).clamp(0, pause) as u64
    }

    /// Counts a failure.
    pub fn fail(&mut self, budget: Budget, now: Timestamp) {
        let held = self.held(budget, now);
        self.failures = held.failures.saturating_add(1);
        self.last = match budget {
            // The next one is forgiven when it would have been without this failure.
            Budget::Shared { .. } => held.last.or(Some(now)),
            Budget::Own => Some(now),
        };
    }

    /// What of them counts at `now`.
    fn held(&self, budget: Budget, now: Timestamp) -> Self {
        let Some(last) = self.last else { return Self::default() };
        match budget {
            Budget::Own if now >= last + Budget::OWN_FORGOTTEN => Self::default(),
            Budget::Own => self.clone(),
            Budget::Shared { forgiven_every, .. } => {
                let every = i64::from(forgiven_every.max(1));
                let forgiven = ((now.as_second() - last.as_second()) / every).max(0);
                match u32::try_from(forgiven).ok().and_then(|forgiven| self.failures.checked_sub(forgiven)) {
                    None | Some(0) => Self::default(),
                    Some(failures) => Self { failures, last: Some(last + SignedDuration::from_secs(forgiven * every)) },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: Budget = Budget::Shared { free: 20, forgiven_every: 60 };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    #[test]
    fn guessing_gets_slower_and_is_forgotten_after_an_hour() {
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            attempts.fail(Budget::Own, at(0));
        }
        assert_eq!(attempts.wait(Budget::Own, at(0)), 0);
        attempts.fail(Budget::Own, at(0));
        assert_eq!(attempts.wait(Budget::Own, at(0)), 2);
        for _ in 0..20 {
            attempts.fail(Budget::Own, at(0));
        }
        assert_eq!(attempts.wait(Budget::Own, at(0)), 900);
        assert_eq!(attempts.wait(Budget::Own, at(3600)), 0);
        attempts.fail(Budget::Own, at(3600));
        assert_eq!(attempts.failures, 1);
    }

    #[test]
    fn what_many_share_is_forgiven_one_by_one_so_that_nobody_waits_longer_than_that() {
        let mut attempts = Attempts::default();
        let mut tried = 0;
        // Somebody tries every second for two hours, and whenever it is allowed, fails.
        for second in 0..7200 {
            let wait = attempts.wait(SHARED, at(second));
            assert!(wait <= 60, "{wait} at {second}");
            if wait == 0 {
                attempts.fail(SHARED, at(second));
                tried += 1;
            }
        }
        assert_eq!(tried, 20 + 7200 / 60 - 1);
        assert_eq!(attempts.wait(SHARED, at(7260)), 0);
    }

    #[test]
    fn failures_apart_are_forgiven_as_if_each_stood_alone() {
        let mut attempts = Attempts::default();
        for minute in 0..600 {
            assert_eq!(attempts.wait(SHARED, at(minute * 60)), 0);
            attempts.fail(SHARED, at(minute * 60));
        }
        assert_eq!(attempts.failures, 1);
    }

    #[test]
    fn a_clock_that_is_ahead_makes_nobody_wait_for_longer() {
        let mut attempts = Attempts::default();
        for _ in 0..20 {
            attempts.fail(SHARED, at(3600));
        }
        assert_eq!(attempts.wait(SHARED, at(0)), 60);
        assert_eq!(attempts.wait(SHARED, at(3660)), 0);
        let mut own = Attempts::default();
        for _ in 0..5 {
            own.fail(Budget::Own, at(3600));
        }
        assert_eq!(own.wait(Budget::Own, at(0)), 2);
    }
}
