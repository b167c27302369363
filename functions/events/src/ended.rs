//! Private documents whose time has passed.

use clipset_bucket::{Bucket, BucketError};
use clipset_core::{
    Timestamp,
    account::{Attempts, Invitation, Session},
    id::{EncodeId, Username},
    key::DocumentKey,
    quota::{Charge, Quota},
    share::Share,
};
use clipset_service::Service;
use futures_util::{StreamExt, stream};
use jiff::SignedDuration;
use serde::de::DeserializeOwned;

use crate::look::{PARALLEL_READS, Unreadable, readable};

/// Failed attempts this long ago slow nobody down any more. Strangers make these documents, so they go soon.
const ATTEMPTS_KEPT: SignedDuration = SignedDuration::from_hours(2);

/// A reservation is older than its video's document by moments; without one after this time there will be none.
const RESERVED_WITHOUT_VIDEO: SignedDuration = SignedDuration::from_hours(1);

/// What members have reserved.
pub(crate) const QUOTAS: &str = "accounts/quotas/";

/// Where documents stand that say themselves when their time has passed.
pub(crate) const PLACES: [&str; 4] = ["shares/", "accounts/sessions/", "accounts/invitations/", "accounts/attempts/"];

/// Shares, sessions, invitations and failed attempts that may go.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn documents(
    service: &Service,
    now: Timestamp,
    unreadable: &mut Unreadable,
) -> Result<Vec<(DocumentKey, &'static str)>, BucketError> {
    let mut documents = Vec::new();
    for place in PLACES {
        let keys = service.bucket.keys(place).await?;
        documents.extend(among(service, &keys, now, unreadable).await?);
    }
    Ok(documents)
}

/// Those of `keys` that may go, and why. One that cannot be read is left alone.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn among(
    service: &Service,
    keys: &[String],
    now: Timestamp,
    unreadable: &mut Unreadable,
) -> Result<Vec<(DocumentKey, &'static str)>, BucketError> {
    let keys: Vec<DocumentKey> = keys.iter().filter_map(|key| DocumentKey::parse(key)).collect();
    let reads = keys.into_iter().map(async |key| (why(&service.bucket, &key, now).await, key));
    // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
    let reads: Vec<_> = reads.collect();
    let reads: Vec<_> = stream::iter(reads).buffered(PARALLEL_READS).collect().await;
    let mut ended = Vec::new();
    for (read, key) in reads {
        let why = readable(key.clone(), read, unreadable)?.flatten();
        ended.extend(why.map(|why| (key, why)));
    }
    Ok(ended)
}

/// Why the document at `key` may go; `None` if it may not.
async fn why(bucket: &Bucket, key: &DocumentKey, now: Timestamp) -> Result<Option<&'static str>, BucketError> {
    async fn has<T: DeserializeOwned>(
        bucket: &Bucket,
        key: &DocumentKey,
        ended: impl Fn(&T) -> bool,
    ) -> Result<bool, BucketError> {
        Ok(bucket.read_strictly::<T>(key).await?.is_some_and(|found| ended(&found.value)))
    }
    let (ended, why) = match key {
        DocumentKey::Share(_) => (has(bucket, key, |share: &Share| !share.is_open(now)).await?, "the share has ended"),
        DocumentKey::Session(_) => {
            (has(bucket, key, |held: &Session| held.expires_at <= now).await?, "the device is signed out")
        }
        // A used one goes with its time as well: until then its holder may repeat what a kill interrupted.
        DocumentKey::Invitation(_) => {
            (has(bucket, key, |held: &Invitation| held.expires_at <= now).await?, "the invitation has ended")
        }
        DocumentKey::Attempts(_) => {
            let silent = |held: &Attempts| held.last.is_none_or(|last| last + ATTEMPTS_KEPT < now);
            (has(bucket, key, silent).await?, "nobody failed to sign in there for two hours")
        }
        _ => return Ok(None),
    };
    Ok(ended.then_some(why))
}

/// Reservations old enough to be given back, unless a video has their upload.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn reservations(
    service: &Service,
    now: Timestamp,
    unreadable: &mut Unreadable,
) -> Result<Vec<(Username, EncodeId)>, BucketError> {
    let keys = service.bucket.keys(QUOTAS).await?;
    let old = reserved(service, &keys, now, unreadable).await?;
    Ok(old.into_iter().map(|(owner, charge)| (owner, charge.upload)).collect())
}

/// What is reserved in the quotas at `keys` and old enough to be given back.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn reserved(
    service: &Service,
    keys: &[String],
    now: Timestamp,
    unreadable: &mut Unreadable,
) -> Result<Vec<(Username, Charge)>, BucketError> {
    let mut found = Vec::new();
    for key in keys.iter().filter_map(|key| DocumentKey::parse(key)) {
        let DocumentKey::Quota(owner) = &key else { continue };
        let owner = owner.clone();
        let read = service.bucket.read_strictly::<Quota>(&key).await;
        let Some(quota) = readable(key, read, unreadable)?.flatten() else { continue };
        let old = quota.value.charges.into_iter().filter(|charge| !charge.settled);
        let old = old.filter(|charge| charge.at + RESERVED_WITHOUT_VIDEO < now);
        found.extend(old.map(|charge| (owner.clone(), charge)));
    }
    Ok(found)
}
