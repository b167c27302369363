//! Failed attempts, counted in the bucket: a restart or another process forgets none of them.

use std::net::IpAddr;

use clipset_bucket::{Bucket, UpdateError};
use clipset_core::{Timestamp, account::Attempts, id::Username, key::DocumentKey};
use clipset_service::Problem;

/// People of one house share an address: so many failures from there count as one.
const ADDRESS_SHARE: u32 = 4;

/// One attempt to sign in, counted on the account's name and on the address that it comes from.
///
/// After a failure, each further attempt counts as failed before it is tried, so that many at once
/// are no way around the wait; a success takes it back.
pub(crate) struct Attempt<'a> {
    bucket: &'a Bucket,
    counters: Vec<Counter>,
}

struct Counter {
    key: DocumentKey,
    share: u32,
    counted: bool,
    is_account: bool,
}

impl<'a> Attempt<'a> {
    /// Begins an attempt. Names without an account are counted too, so that nobody learns which
    /// there are.
    ///
    /// # Errors
    /// [`Problem`] 429 with the time to wait, 503.
    pub(crate) async fn begin(
        bucket: &'a Bucket,
        username: Option<&Username>,
        address: Option<IpAddr>,
    ) -> Result<Self, Problem> {
        let account = username.map(|name| (format!("account-{name}"), 1, true));
        let address = address.map(|ip| (format!("address-{}", ip.to_string().replace(':', "_")), ADDRESS_SHARE, false));
        let mut counters = Vec::new();
        for (name, share, is_account) in account.into_iter().chain(address) {
            let key = DocumentKey::Attempts(name);
            let counted = begin_one(bucket, &key, share).await?;
            counters.push(Counter { key, share, counted, is_account });
        }
        Ok(Self { bucket, counters })
    }

    /// It failed.
    ///
    /// # Errors
    /// [`Problem`] 503.
    pub(crate) async fn failed(self) -> Result<(), Problem> {
        for counter in self.counters.iter().filter(|counter| !counter.counted) {
            count(self.bucket, &counter.key, counter.share, false).await?;
        }
        Ok(())
    }

    /// It succeeded: the account's failures are forgotten, the address's stay what they were.
    ///
    /// # Errors
    /// [`Problem`] 503.
    pub(crate) async fn succeeded(self) -> Result<(), Problem> {
        for counter in self.counters.iter().filter(|counter| counter.counted) {
            if counter.is_account {
                self.bucket.remove(&counter.key).await?;
            } else {
                let taken_back = self.bucket.update(&counter.key, |attempts: &mut Attempts| {
                    attempts.failures = attempts.failures.saturating_sub(1);
                    Ok::<_, Problem>(())
                });
                match taken_back.await {
                    Ok(_) | Err(UpdateError::Missing) => {}
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Whether the attempt was counted already.
async fn begin_one(bucket: &Bucket, key: &DocumentKey, share: u32) -> Result<bool, Problem> {
    let Some(found) = bucket.read::<Attempts>(key).await? else { return Ok(false) };
    require_no_wait(&found.value, share)?;
    if found.value.failures > 0 {
        count(bucket, key, share, true).await?;
    }
    Ok(found.value.failures > 0)
}

async fn count(bucket: &Bucket, key: &DocumentKey, share: u32, only_if_due: bool) -> Result<(), Problem> {
    let counted = bucket.upsert(key, |found: Option<Attempts>| {
        let mut attempts = found.unwrap_or_default();
        if only_if_due {
            require_no_wait(&attempts, share).map_err(UpdateError::Refused)?;
        }
        attempts.fail(Timestamp::now());
        Ok::<_, UpdateError<Problem>>(attempts)
    });
    Ok(counted.await.map(drop)?)
}

fn require_no_wait(attempts: &Attempts, share: u32) -> Result<(), Problem> {
    let counted = Attempts { failures: attempts.failures / share, last: attempts.last };
    match counted.wait(Timestamp::now()) {
        0 => Ok(()),
        seconds => Err(Problem::too_many_attempts(seconds)),
    }
}
