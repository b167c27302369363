//! Many documents at once.

use clipset_bucket::{Bucket, BucketError};
use clipset_core::key::DocumentKey;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

const PARALLEL_READS: usize = 8;

/// Those of `keys` that are there and can be read, in any order.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn read_all<T: DeserializeOwned>(
    bucket: &Bucket,
    keys: Vec<DocumentKey>,
) -> Result<Vec<T>, BucketError> {
    let reads = keys.into_iter().map(|key| async move {
        match bucket.read::<T>(&key).await {
            Err(error) if error.is_unreadable() => {
                tracing::warn!(%error, "passed over");
                Ok(None)
            }
            read => read,
        }
    });
    let found: Vec<_> = stream::iter(reads).buffer_unordered(PARALLEL_READS).try_collect().await?;
    Ok(found.into_iter().flatten().map(|found| found.value).collect())
}
