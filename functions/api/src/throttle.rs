//! Wrong passwords, counted in the bucket: a restart or another process forgets none of them.
//!
//! | Guesser | Counted |
//! |---|---|
//! | a device that has signed in to the account before | by that device alone, so that no stranger can use its budget up |
//! | whoever holds a token of the account, on another device | by the account's tokens |
//! | a stranger | by the pair of account (or share) and address, by the address, and by the account over all strangers |

use std::net::IpAddr;

use clipset_bucket::{Bucket, BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    account::{Attempts, Budget},
    id::{ShareId, Username},
    key::DocumentKey,
};
use clipset_service::Problem;
use futures_util::future::try_join_all;
use uuid::Uuid;

use crate::accounts::{Turn, sha256};

/// The people of one house share an address.
const ADDRESS: Budget = Budget::Shared { free: 20, forgiven_every: 60 };

/// All strangers together may guess so often at one account or share: 100, and 2,880 more a day.
const ALL_STRANGERS: Budget = Budget::Shared { free: 100, forgiven_every: 30 };

/// What a password opens.
#[derive(Clone, Copy)]
pub(crate) enum Lock<'a> {
    Account(&'a Username),
    Share(&'a ShareId),
}

impl Lock<'_> {
    /// Whoever knows a share's id may open it, so it is no part of a name.
    fn name(&self) -> String {
        match self {
            Self::Account(username) => format!("accounts/{username}"),
            Self::Share(id) => format!("shares/{}", sha256(id.as_str())),
        }
    }
}

/// Who tries a password.
#[derive(Clone, Copy)]
pub(crate) enum Guesser<'a> {
    /// A device that has signed in to this account before.
    KnownDevice(&'a Username, Uuid),
    /// Whoever holds a token of this account.
    TokenHolder(&'a Username),
    /// Anybody. No lock: the name cannot be an account's.
    Stranger(Option<Lock<'a>>, Option<IpAddr>),
}

impl Guesser<'_> {
    /// The most private first: an attempt that one of them refuses has taken nothing from those behind it.
    fn counters(&self) -> Vec<Counter> {
        let counter = |name: String, budget| Counter { key: DocumentKey::Attempts(name), budget };
        match self {
            Self::KnownDevice(username, device) => vec![counter(format!("devices/{username}/{device}"), Budget::Own)],
            Self::TokenHolder(username) => vec![counter(format!("devices/{username}/token"), Budget::Own)],
            Self::Stranger(lock, address) => {
                let address = address.map(|address| address.to_string().replace(':', "_"));
                let from = address.as_deref().unwrap_or("nowhere");
                let pair = lock.map(|lock| counter(format!("pairs/{}/{from}", lock.name()), Budget::Own));
                let address = address.as_ref().map(|address| counter(format!("addresses/{address}"), ADDRESS));
                let all = lock.map(|lock| counter(format!("strangers/{}", lock.name()), ALL_STRANGERS));
                pair.into_iter().chain(address).chain(all).collect()
            }
        }
    }
}

struct Counter {
    key: DocumentKey,
    budget: Budget,
}

struct Counted {
    counter: Counter,
    before: Attempts,
    after: Attempts,
}

/// One attempt, counted as a failure before it is tried, so that many at once are no way around the wait.
pub(crate) struct Attempt<'a> {
    bucket: &'a Bucket,
    counted: Vec<Counted>,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt, with the turn in which the password may be computed. Names without an account are counted too,
    /// so that nobody learns which there are. Those who have to wait are told so before they stand in anybody's way.
    ///
    /// # Errors
    /// [`Problem`] 429 with the time to wait, 503.
    pub(crate) async fn begin(bucket: &'a Bucket, guesser: Guesser<'_>) -> Result<(Turn, Self), Problem> {
        let counters = guesser.counters();
        require_no_wait(bucket, &counters).await?;
        let turn = match guesser {
            Guesser::KnownDevice(..) | Guesser::TokenHolder(_) => Turn::take().await?,
            Guesser::Stranger(..) => Turn::take_as_stranger().await?,
        };
        let mut attempt = Self { bucket, counted: Vec::new() };
        for counter in counters {
            match count(bucket, counter).await {
                Ok(counted) => attempt.counted.push(counted),
                Err(problem) => {
                    attempt.take_back().await?;
                    return Err(problem);
                }
            }
        }
        Ok((turn, attempt))
    }

    /// It succeeded: the guesser's own failures are forgotten, and what is shared is as if it had not been.
    ///
    /// # Errors
    /// [`Problem`] 503.
    pub(crate) async fn succeeded(self) -> Result<(), Problem> {
        for Counted { counter, .. } in self.counted.iter().filter(|counted| counted.counter.budget == Budget::Own) {
            self.bucket.remove(&counter.key).await?;
        }
        self.take_back().await
    }

    async fn take_back(self) -> Result<(), Problem> {
        for Counted { counter, before, after } in self.counted {
            let taken_back = self.bucket.update(&counter.key, |held: &mut Attempts| {
                match *held == after {
                    true => held.clone_from(&before),
                    false => held.failures = held.failures.saturating_sub(1),
                }
                Ok::<_, Problem>(())
            });
            match taken_back.await {
                Ok(_) | Err(UpdateError::Missing) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The longest wait of all counters, by reading alone: what is refused costs no write.
async fn require_no_wait(bucket: &Bucket, counters: &[Counter]) -> Result<(), Problem> {
    let now = Timestamp::now();
    let waits = try_join_all(counters.iter().map(async |Counter { key, budget }| {
        let attempts = match bucket.read::<Attempts>(key).await {
            Ok(found) => found.map(|found| found.value).unwrap_or_default(),
            // Better counted anew than a door that nobody passes any more.
            Err(error) if error.is_unreadable() => {
                tracing::warn!(%error, "failed attempts are counted anew");
                bucket.remove(key).await?;
                Attempts::default()
            }
            Err(error) => return Err(error),
        };
        Ok::<_, BucketError>(attempts.wait(*budget, now))
    }));
    refuse(waits.await?.into_iter().max().unwrap_or(0))
}

async fn count(bucket: &Bucket, counter: Counter) -> Result<Counted, Problem> {
    let mut before = Attempts::default();
    let counted = bucket.upsert(&counter.key, |found: Option<Attempts>| {
        before = found.unwrap_or_default();
        let now = Timestamp::now();
        refuse(before.wait(counter.budget, now)).map_err(UpdateError::Refused)?;
        let mut attempts = before.clone();
        attempts.fail(counter.budget, now);
        Ok::<_, UpdateError<Problem>>(attempts)
    });
    let after = counted.await?.value;
    Ok(Counted { counter, before, after })
}

fn refuse(wait: u64) -> Result<(), Problem> {
    if wait == 0 { Ok(()) } else { Err(Problem::too_many_attempts(wait)) }
}
