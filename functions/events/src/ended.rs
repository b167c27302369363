//! Private documents whose time has passed.

use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    account::{Attempts, Invitation, Session},
    id::{EncodeId, Username},
    key::DocumentKey,
    quota::Quota,
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
    let mut gone = |keys: Vec<DocumentKey>, why| documents.extend(keys.into_iter().map(|key| (key, why)));
    let shares = ended(service, "shares/", share_key, |share: &Share| !share.is_open(now), unreadable);
    gone(shares.await?, "the share has ended");
    let sessions = ended(
        service,
        "accounts/sessions/",
        |name| Some(DocumentKey::Session(name)),
        |held: &Session| held.expires_at <= now,
        unreadable,
    );
    gone(sessions.await?, "the device is signed out");
    // A used one goes with its time as well: until then its holder may repeat what a kill interrupted.
    let invitations = ended(
        service,
        "accounts/invitations/",
        |id| Some(DocumentKey::Invitation(id)),
        |held: &Invitation| held.expires_at <= now,
        unreadable,
    );
    gone(invitations.await?, "the invitation has ended");
    let attempts = ended(
        service,
        "accounts/attempts/",
        |name| Some(DocumentKey::Attempts(name)),
        |held: &Attempts| held.last.is_none_or(|last| last + ATTEMPTS_KEPT < now),
        unreadable,
    );
    gone(attempts.await?, "nobody failed to sign in there for two hours");
    Ok(documents)
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
    let mut found = Vec::new();
    for name in service.bucket.children("accounts/quotas/").await? {
        let Some(owner) = name.strip_suffix(".json").and_then(|name| name.parse::<Username>().ok()) else {
            continue;
        };
        let key = DocumentKey::Quota(owner.clone());
        let read = service.bucket.read_strictly::<Quota>(&key).await;
        let Some(quota) = readable(key, read, unreadable)?.flatten() else { continue };
        let old = quota.value.charges.into_iter().filter(|charge| !charge.settled);
        let old = old.filter(|charge| charge.at + RESERVED_WITHOUT_VIDEO < now);
        found.extend(old.map(|charge| (owner.clone(), charge.upload)));
    }
    Ok(found)
}

fn share_key(id: String) -> Option<DocumentKey> {
    id.parse().ok().map(DocumentKey::Share)
}

/// The keys of the documents below `prefix` that have ended. One that cannot be read is left alone.
async fn ended<T: DeserializeOwned>(
    service: &Service,
    prefix: &str,
    key: impl Fn(String) -> Option<DocumentKey>,
    has_ended: impl Fn(&T) -> bool,
    unreadable: &mut Unreadable,
) -> Result<Vec<DocumentKey>, BucketError> {
    let keys = service.bucket.keys(prefix).await?;
    let names = keys.iter().filter_map(|key| key.strip_prefix(prefix)?.strip_suffix(".json").map(str::to_owned));
    let reads = names.filter_map(key).map(async |key| (service.bucket.read_strictly::<T>(&key).await, key));
    let reads: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL_READS).collect().await;
    let mut ended = Vec::new();
    for (read, key) in reads {
        let found = readable(key.clone(), read, unreadable)?.flatten();
        ended.extend(found.filter(|found| has_ended(&found.value)).map(|_| key));
    }
    Ok(ended)
}
