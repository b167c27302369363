//! The settings document.

use clipset_core::{
    key::DocumentKey,
    settings::{Settings, SettingsDocument},
};

use crate::{Bucket, BucketError, Versioned};

/// Reads the settings; they are changed by [`Bucket::upsert`] and [`Bucket::replace`].
#[derive(Debug, Clone)]
pub struct SettingsStore {
    bucket: Bucket,
}

impl SettingsStore {
    /// Of this bucket.
    pub fn new(bucket: Bucket) -> Self {
        Self { bucket }
    }

    /// What is in force; the defaults, if nothing was ever set.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn current(&self) -> Result<Settings, BucketError> {
        Ok(self.document().await?.map(|found| found.value.settings).unwrap_or_default())
    }

    /// The document with its version; `None` if nothing was ever set.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn document(&self) -> Result<Option<Versioned<SettingsDocument>>, BucketError> {
        self.bucket.read(&DocumentKey::Settings).await
    }
}
