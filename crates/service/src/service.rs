//! What a function works with, built once at start-up.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use clipset_bucket::{Bucket, BucketError, Jobs, Migrations, SettingsStore, Videos};
use clipset_core::{Timestamp, id::ShortId, signing::SigningSecret, video::Video};

use crate::{
    Config, ConfigError, Deletions, Disk, Gate, ParameterStore, Problem, Secrets, Tokens, TtlCache, secrets::Keeper,
};

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
    /// The disk that holds the bucket, if it is this machine's.
    pub disk: Disk,
    /// Videos that are deleted here.
    pub deletions: Deletions,
    recent: TtlCache<ShortId, Option<Arc<Video>>>,
    secrets: RwLock<Arc<Secrets>>,
    keeper: Option<Keeper>,
}

impl Service {
    /// Connects to the bucket that `config` names.
    pub async fn new(config: Config, secrets: Secrets) -> Arc<Self> {
        let bucket = Bucket::connect(&config.bucket).await;
        Self::over(bucket, config, secrets, None)
    }

    /// From the environment, with the secrets from there or from the parameters that it names.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub async fn from_env() -> Result<Arc<Self>, ConfigError> {
        let config = Config::from_env()?;
        let aws = clipset_bucket::shared_config(&config.bucket.region).await;
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let prefix = var("SECRETS_PREFIX").filter(|_| var("SECRET_KEY").is_none());
        let store = prefix.map(|prefix| ParameterStore::new(&prefix, &aws));
        let secrets = Secrets::read(store.as_ref()).await?;
        let keeper = store.map(|store| Keeper::new(store, Timestamp::now()));
        Ok(Self::over(Bucket::connect_as(&config.bucket, &aws), config, secrets, keeper))
    }

    /// From the environment, for a function that neither signs nor verifies: it is given no secrets.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub async fn without_secrets() -> Result<Arc<Self>, ConfigError> {
        Ok(Self::new(Config::from_env()?, Secrets::unknown()).await)
    }

    fn over(bucket: Bucket, config: Config, secrets: Secrets, keeper: Option<Keeper>) -> Arc<Self> {
        let tokens = Tokens::new(&secrets.secret_key, secrets.secret_key_previous.as_deref());
        Arc::new(Self {
            gate: Gate::new(tokens.clone(), bucket.clone(), config.signature_life),
            videos: Videos::new(bucket.clone()),
            jobs: Jobs::new(bucket.clone()),
            settings: SettingsStore::new(bucket.clone()),
            migrations: Migrations::new(bucket.clone()),
            disk: Disk::default(),
            deletions: Deletions::default(),
            recent: TtlCache::new(1000, VIDEO_TRUST),
            secrets: RwLock::new(Arc::new(secrets)),
            keeper,
            config,
            tokens,
            bucket,
        })
    }

    /// The secrets in force.
    pub fn secrets(&self) -> Arc<Secrets> {
        self.secrets.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What media URLs are signed with now.
    pub fn signing_secret(&self) -> SigningSecret {
        self.secrets().signing_secret.clone()
    }

    /// Puts other secrets in force.
    pub fn change_secrets(&self, secrets: Secrets) {
        self.tokens.change_keys(&secrets.secret_key, secrets.secret_key_previous.as_deref());
        *self.secrets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(secrets);
    }

    /// Reads the secrets again if they come from parameters and are due. Called before each request on Lambda, where
    /// nothing runs between them. What cannot be read or used changes nothing.
    pub async fn refresh_secrets(&self) {
        let Some(keeper) = self.keeper.as_ref().filter(|keeper| keeper.is_due(Timestamp::now())) else { return };
        // Boxed, for it is large and seldom.
        match Box::pin(Secrets::read(Some(&keeper.store))).await {
            Ok(secrets) => {
                keeper.was_read(Timestamp::now());
                if secrets != *self.secrets() {
                    tracing::info!("the secrets have changed");
                    self.change_secrets(secrets);
                }
            }
            Err(error) => tracing::error!(%error, "the secrets cannot be read again; the known ones stay in force"),
        }
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
}
