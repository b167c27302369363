//! Bytes that members have reserved.

use clipset_core::{
    id::{EncodeId, Username},
    key::DocumentKey,
    quota::Quota,
};

use crate::{Bucket, BucketError, UpdateError};

/// Gives back what `upload` had reserved. What arrived is not given back.
///
/// # Errors
/// [`BucketError`].
pub async fn release_quota(bucket: &Bucket, owner: &Username, upload: EncodeId) -> Result<(), BucketError> {
    let key = DocumentKey::Quota(owner.clone());
    let released = bucket.update(&key, |quota: &mut Quota| {
        quota.release(upload);
        Ok::<_, std::convert::Infallible>(())
    });
    match released.await {
        Ok(_) | Err(UpdateError::Missing) => Ok(()),
        Err(UpdateError::Bucket(error)) => Err(error),
        Err(UpdateError::Refused(never)) => match never {},
    }
}
