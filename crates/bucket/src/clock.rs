//! The store's clock. Leases are counted by it, and so is everything that a sweep removes after a time: one machine whose
//! clock is wrong neither takes a living runner's job nor removes anything early.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, Instant},
};

use aws_sdk_s3::{
    config::{ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef},
    error::BoxError,
    primitives::{DateTime, DateTimeFormat},
};
use aws_smithy_runtime_api::client::interceptors::context::BeforeTransmitInterceptorContextRef;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use clipset_core::Timestamp;
use jiff::SignedDuration;

/// HTTP dates have whole seconds, and answers take a while: a difference up to this is none.
const TOLERATED_SECONDS: i64 = 5;

/// An answer that took longer says little of the time at which it was read.
const PROMPT: Duration = Duration::from_secs(2);

/// How far the store's clock is ahead of this machine's, as its last prompt answer said (RFC 9110 §6.6.1, `Date`).
/// Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreClock {
    ahead_seconds: Arc<AtomicI64>,
}

impl StoreClock {
    /// What the store's clock shows; this machine's, until an answer came.
    pub(crate) fn now(&self) -> Timestamp {
        let ahead = SignedDuration::from_secs(self.ahead_seconds.load(Ordering::Relaxed));
        Timestamp::now().saturating_add(ahead).expect("a duration in seconds")
    }

    fn heard(&self, date: Timestamp, ours: Timestamp) {
        let ahead = date.as_second() - ours.as_second();
        let ahead = if ahead.abs() <= TOLERATED_SECONDS { 0 } else { ahead };
        let before = self.ahead_seconds.swap(ahead, Ordering::Relaxed);
        if before.abs_diff(ahead) > TOLERATED_SECONDS.unsigned_abs() {
            match ahead {
                0 => tracing::info!("this machine's clock and the object store's agree again"),
                _ => tracing::warn!(
                    seconds = -ahead,
                    "this machine's clock is ahead of the object store's (behind it, if negative): set it by NTP. \
                     Leases and sweeps go by the store's clock meanwhile"
                ),
            }
        }
    }
}

#[derive(Debug)]
struct SentAt(Instant);

impl Storable for SentAt {
    type Storer = StoreReplace<Self>;
}

impl Intercept for StoreClock {
    fn name(&self) -> &'static str {
        "StoreClock"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        config.interceptor_state().store_put(SentAt(Instant::now()));
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let prompt = config.load::<SentAt>().is_some_and(|sent| sent.0.elapsed() < PROMPT);
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok());
        if let Some(date) = date.filter(|_| prompt).and_then(|date| Timestamp::from_second(date.secs()).ok()) {
            self.heard(date, Timestamp::now());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn a_machine_that_is_an_hour_off_counts_by_the_store() {
        let clock = StoreClock::default();
        clock.heard(at(1_800_000_000), at(1_800_003_600));
        let behind = Timestamp::now().duration_since(clock.now());
        assert!((3599..=3601).contains(&behind.as_secs()), "{behind}");
        clock.heard(at(1_800_000_000), at(1_800_000_001));
        assert!(Timestamp::now().duration_since(clock.now()).as_secs() < 1);
    }

    #[test]
    fn a_difference_of_whole_seconds_and_slow_answers_is_none() {
        let clock = StoreClock::default();
        clock.heard(at(1_800_000_000), at(1_800_000_004));
        assert_eq!(clock.ahead_seconds.load(Ordering::Relaxed), 0);
    }
}
