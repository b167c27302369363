//! The settings document, and what is in force where it cannot be read.

use clipset_core::{
    key::DocumentKey,
    settings::{Settings, SettingsDocument},
};
use serde_json::{Map, Value};

use crate::{Bucket, BucketError, UpdateError, Versioned, documents::ATTEMPTS};

/// Reads the settings; they are changed by [`Bucket::upsert`] and [`Bucket::replace`].
#[derive(Debug, Clone)]
pub struct SettingsStore {
    bucket: Bucket,
}

/// The settings that are in force.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// What is in force.
    pub settings: Settings,
    /// `settings.json` cannot be read, or is gone: these are the last good ones, or the defaults. Nothing may be deleted
    /// on their word.
    pub fallen_back: bool,
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
        Ok(self.reading().await?.settings)
    }

    /// What is in force, and whether it is what was set. Where `settings.json` cannot be read, each field is what can be
    /// read of it, else the last good one, else the default.
    ///
    /// # Errors
    /// [`BucketError`], but not for documents that cannot be read.
    pub async fn reading(&self) -> Result<Reading, BucketError> {
        match self.document().await {
            Ok(Some(found)) => Ok(Reading { settings: found.value.settings, fallen_back: false }),
            Ok(None) => Ok(match self.last().await? {
                Some(settings) => Reading { settings, fallen_back: true },
                None => Reading::default(),
            }),
            Err(error) if error.is_unreadable() => {
                tracing::error!(%error, "the settings are fallen back to the last good ones");
                let last = self.last().await?.unwrap_or_default();
                Ok(Reading { settings: last.with_all_of(&self.legible().await), fallen_back: true })
            }
            Err(error) => Err(error),
        }
    }

    /// The document with its version; `None` if nothing was ever set.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn document(&self) -> Result<Option<Versioned<SettingsDocument>>, BucketError> {
        self.bucket.read(&DocumentKey::Settings).await
    }

    /// Keeps `document`, which was just read or written, for the day when `settings.json` cannot be read. What fails here
    /// the next change makes up for.
    pub async fn keep(&self, document: &SettingsDocument) {
        if let Err(error) = self.bucket.put(&DocumentKey::LastSettings, document).await {
            tracing::warn!(%error, "no second copy of the settings could be kept");
        }
    }

    /// Writes what `change` makes of the settings in force over ones that cannot be read, which are kept aside first.
    ///
    /// # Errors
    /// What `change` refused; [`UpdateError::Bucket`].
    pub async fn replace_damaged<E>(
        &self,
        mut change: impl FnMut(SettingsDocument) -> Result<SettingsDocument, UpdateError<E>>,
    ) -> Result<Versioned<SettingsDocument>, UpdateError<E>> {
        let in_force = SettingsDocument { settings: self.reading().await?.settings, ..SettingsDocument::default() };
        // What would be refused leaves everything as it is.
        change(in_force.clone())?;
        self.bucket.copy_aside(&DocumentKey::Settings.to_string(), "the settings cannot be read").await?;
        let written = self.bucket.upsert_salvaged(
            &DocumentKey::Settings,
            |_| None,
            ATTEMPTS,
            |found: Option<SettingsDocument>| change(found.unwrap_or_else(|| in_force.clone())),
        );
        let written = written.await?;
        self.keep(&written.value).await;
        Ok(written)
    }

    async fn last(&self) -> Result<Option<Settings>, BucketError> {
        match self.bucket.read::<SettingsDocument>(&DocumentKey::LastSettings).await {
            Err(error) if error.is_unreadable() => {
                tracing::warn!(%error, "the last good settings cannot be read either");
                Ok(None)
            }
            found => Ok(found?.map(|found| found.value.settings)),
        }
    }

    /// The members of `settings.json`, if it is an object at all.
    async fn legible(&self) -> Map<String, Value> {
        let body = self.bucket.read_raw(&DocumentKey::Settings.to_string()).await.ok().flatten();
        body.and_then(|body| serde_json::from_slice(&body).ok()).unwrap_or_default()
    }
}
