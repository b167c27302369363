//! The queue of looks: `jobs/due/{unix seconds}-{short_id}`, the soonest first.

use std::collections::BTreeSet;

use clipset_core::{Timestamp, id::ShortId, key::DocumentKey, video::Video};

use super::Videos;
use crate::BucketError;

/// A clip that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Since when, in unix seconds.
    pub at: i64,
    /// The clip to look at.
    pub clip: ShortId,
}

impl Look {
    fn key(&self) -> DocumentKey {
        DocumentKey::Due(self.at, self.clip.clone())
    }
}

/// Where the looks at `clip` are noted.
pub(super) fn keys(clip: &ShortId, looks: BTreeSet<i64>) -> Vec<DocumentKey> {
    looks.into_iter().map(|at| DocumentKey::Due(at, clip.clone())).collect()
}

impl Videos {
    /// Looks that are due at `now`, those that waited longest first; at most `most`, and a thousand.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn due(&self, now: Timestamp, most: usize) -> Result<Vec<Look>, BucketError> {
        let keys = self.bucket.page(DocumentKey::DUE, false, None, most.min(1000)).await?;
        let looks = keys.iter().filter_map(|key| match DocumentKey::parse(key)? {
            DocumentKey::Due(at, clip) => Some(Look { at, clip }),
            _ => None,
        });
        Ok(looks.take_while(|look| look.at <= now.as_second()).collect())
    }

    /// The look was taken; the next one is `next`, which is noted first.
    ///
    /// # Errors
    /// [`BucketError`].
    pub async fn looked(&self, look: &Look, next: Option<i64>) -> Result<(), BucketError> {
        if let Some(at) = next {
            self.bucket.put(&DocumentKey::Due(at, look.clip.clone()), &()).await?;
        }
        self.bucket.remove(&look.key()).await
    }

    /// Notes when a new video is to be looked at; before its document, so that no kill in between loses it.
    pub(super) async fn note_looks(&self, video: &Video) -> Result<(), BucketError> {
        for key in keys(&video.short_id, video.new_looks(None, self.bucket.now())) {
            self.bucket.put(&key, &()).await?;
        }
        Ok(())
    }

    /// Forgets the looks at a video that is gone.
    pub(super) async fn forget_looks(&self, video: &Video) -> Result<(), BucketError> {
        for key in keys(&video.short_id, video.noted_looks(self.bucket.now())) {
            self.bucket.remove(&key).await?;
        }
        Ok(())
    }
}
