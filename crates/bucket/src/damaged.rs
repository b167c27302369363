//! Documents that nobody can read, set aside: moved below `damaged/`, never deleted.

use bytes::Bytes;
use serde_json::json;

use crate::{
    Bucket, BucketError, DAMAGED_FOLDER,
    error::{loggable, sdk},
};

impl Bucket {
    /// Moves what stands at `key` to `damaged/{key}`, or `damaged/{key}.{n}` where another one stands; gives where to.
    /// Killed on the way it is done again to the same place.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn set_aside(&self, key: &str, why: &str) -> Result<String, BucketError> {
        let place = self.copy_aside(key, why).await?;
        let delete = self.client().delete_object().bucket(self.name()).key(key);
        delete.send().await.map_err(|error| sdk("remove", key, error))?;
        tracing::warn!(key = loggable(key), why, "set aside");
        Ok(place)
    }

    /// As [`Bucket::set_aside`], but leaves it in its place, to be overwritten there.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn copy_aside(&self, key: &str, why: &str) -> Result<String, BucketError> {
        let body = match self.read_raw(key).await {
            Ok(Some(body)) => body,
            Ok(None) => return Err(BucketError::Missing { key: loggable(key) }),
            Err(BucketError::Damaged { .. }) => json!({"key": key, "why": why}).to_string().into_bytes().into(),
            Err(error) => return Err(error),
        };
        let mut place = format!("{DAMAGED_FOLDER}{key}");
        for n in 1.. {
            let put = self.client().put_object().bucket(self.name()).key(&place).content_type("application/json");
            match put.if_none_match("*").body(body.clone().into()).send().await {
                Ok(_) => break,
                Err(error) => match sdk("write", &place, error) {
                    BucketError::Conflict { .. } if self.stands_at(&place, &body).await? => break,
                    BucketError::Conflict { .. } => place = format!("{DAMAGED_FOLDER}{key}.{n}"),
                    error => return Err(error),
                },
            }
        }
        Ok(place)
    }

    /// Whether something that stood at `key` was set aside.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn is_set_aside(&self, key: &str) -> Result<bool, BucketError> {
        match self.read_raw(&format!("{DAMAGED_FOLDER}{key}")).await {
            Ok(found) => Ok(found.is_some()),
            Err(BucketError::Damaged { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }

    async fn stands_at(&self, place: &str, body: &Bytes) -> Result<bool, BucketError> {
        match self.read_raw(place).await {
            Ok(found) => Ok(found.as_ref() == Some(body)),
            Err(BucketError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
