//! What a function works with, built once at start-up.

use std::{sync::Arc, time::Duration};

use clipset_bucket::{Bucket, BucketError, Jobs, Migrations, SettingsStore, Videos};
use clipset_core::{Timestamp, id::ShortId, video::Video};

use crate::{Config, Gate, Problem, Tokens, TtlCache};

/// How long the hot path trusts a video's document. A new publication or a deletion elsewhere
/// counts after this time at the latest.
const VIDEO_TRUST: Duration = Duration::from_secs(1);

/// Configuration, tokens and stores.
pub struct Service {
    /// The environment.
    pub config: Config,
    /// Issues and verifies tokens.
    pub tokens: Tokens,
    /// Who asks.
    pub gate: Gate,
    /// The bucket.
    pub bucket: Bucket,
    /// The videos.
    pub videos: Videos,
    /// The jobs.
    pub jobs: Jobs,
    /// The settings.
    pub settings: SettingsStore,
    /// The run in which older videos move to HLS.
    pub migrations: Migrations,
    recent: TtlCache<ShortId, Option<Arc<Video>>>,
}

impl Service {
    /// Connects to the bucket that `config` names.
    pub async fn new(config: Config) -> Arc<Self> {
        let bucket = Bucket::connect(&config.bucket).await;
        let tokens = Tokens::new(&config.secret_key, config.secret_key_previous.as_deref());
        Arc::new(Self {
            gate: Gate::new(tokens.clone(), bucket.clone()),
            videos: Videos::new(bucket.clone()),
            jobs: Jobs::new(bucket.clone()),
            settings: SettingsStore::new(bucket.clone()),
            migrations: Migrations::new(bucket.clone()),
            recent: TtlCache::new(1000, VIDEO_TRUST),
            config,
            tokens,
            bucket,
        })
    }

    /// From the environment.
    ///
    /// # Errors
    /// [`crate::ConfigError`].
    pub async fn from_env() -> Result<Arc<Self>, crate::ConfigError> {
        Ok(Self::new(Config::from_env()?).await)
    }

    /// A video as it is now.
    ///
    /// # Errors
    /// [`Problem`] 404 if there is none, 503.
    pub async fn video(&self, id: &ShortId) -> Result<Video, Problem> {
        let found = self.videos.get(id).await?;
        found.map(|found| found.value).ok_or_else(Problem::no_such_video)
    }

    /// A video as it was at most a second ago; one that has no stream yet, as it is now: what
    /// stream-info just said is HLS has its manifest.
    ///
    /// # Errors
    /// [`Problem`] 404 if there is none, 503.
    pub async fn recent_video(&self, id: &ShortId) -> Result<Arc<Video>, Problem> {
        let found = self.recent.get_or_fetch(id, async |id: &ShortId| {
            let found = self.videos.get(id).await?;
            Ok::<_, BucketError>(found.map(|found| Arc::new(found.value)))
        });
        let found = found.await?;
        if found.as_ref().is_none_or(|video| video.stream().is_none()) {
            self.recent.forget(id);
        }
        found.ok_or_else(Problem::no_such_video)
    }

    /// Makes a change of a video count at once in this process.
    pub fn video_changed(&self, id: &ShortId) {
        self.recent.forget(id);
    }

    /// The end of signatures made now, unix seconds: rounded up to a step, or the exact end of the
    /// share that asks.
    pub fn signature_end(&self, ends: Option<u64>) -> u64 {
        let expires = self.config.signature_life.expires(Timestamp::now().as_second().max(0) as u64);
        ends.map_or(expires, |end| expires.min(end))
    }
}
