//! When tombstones at the edge have ended: each request to CloudFront's key value store costs as much as 200 listings of the
//! bucket, so it is asked when something in it has ended and not by the hour.

use std::{collections::BTreeSet, convert::Infallible};

use clipset_bucket::{Bucket, BucketError, UpdateError};
use clipset_core::{Timestamp, key::DocumentKey};

use crate::handler::{Edge, EventError};

const HOUR: i64 = 3600;

/// The hours, in unix seconds, after which tombstones have ended. Signatures live a week at most, so they are few.
pub type Ends = BTreeSet<i64>;

/// Notes that something is about to be buried until `until`. Before it is: a note without a tombstone is a look too many, and a
/// tombstone without one would stay.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn note(bucket: &Bucket, until: Timestamp) -> Result<(), BucketError> {
    let hour = (until.as_second() / HOUR + 1) * HOUR;
    change(bucket, |ends| _ = ends.insert(hour)).await
}

/// Has the edge forget what has ended at `now`, if anything has.
///
/// # Errors
/// [`EventError`]; what could not be forgotten stays noted.
pub(crate) async fn clear(bucket: &Bucket, edge: &dyn Edge, now: Timestamp) -> Result<(), EventError> {
    // One that cannot be read counts as none: what it noted goes with the next that ends.
    let ends = bucket.read::<Ends>(&DocumentKey::Buried).await?.map(|found| found.value).unwrap_or_default();
    if ends.first().is_none_or(|end| *end >= now.as_second()) {
        return Ok(());
    }
    edge.clear_old(now).await?;
    Ok(change(bucket, |ends| ends.retain(|end| *end >= now.as_second())).await?)
}

async fn change(bucket: &Bucket, change: impl Fn(&mut Ends)) -> Result<(), BucketError> {
    let changed = bucket.upsert(&DocumentKey::Buried, |found: Option<Ends>| {
        let mut ends = found.unwrap_or_default();
        change(&mut ends);
        Ok::<_, UpdateError<Infallible>>(ends)
    });
    match changed.await {
        Ok(_) | Err(UpdateError::Missing) => Ok(()),
        Err(UpdateError::Bucket(error)) => Err(error),
        Err(UpdateError::Refused(never)) => match never {},
    }
}
