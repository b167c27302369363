//! The connection to the bucket: endpoint, credentials, time-outs, retries, and the probe.

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_s3::{
    Client,
    config::{Builder, Credentials, RequestChecksumCalculation, interceptors::InterceptorContext},
    error::ProvideErrorMetadata,
    operation::get_object::GetObjectError,
};
use aws_smithy_runtime::client::defaults::default_http_client_plugin_v2;
use aws_smithy_runtime_api::client::{
    retries::classifiers::{ClassifyRetry, RetryAction},
    runtime_components::RuntimeComponentsBuilder,
    runtime_plugin::RuntimePlugin as _,
};
use clipset_core::{Timestamp, id::ShortId};
use uuid::Uuid;

use crate::{
    clock::StoreClock,
    error::{BucketError, DAMAGED, sdk},
};

/// The metadata by which a media object says of which clip it is.
pub(crate) const CLIP: &str = "clip";

/// How long a store may take to put the parts of an upload together.
const LONGEST_COMPLETE: Duration = Duration::from_secs(600);

/// Where the bucket is. Credentials come from the usual AWS variables or the instance's role.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Its name.
    pub bucket: String,
    /// `AWS_ENDPOINT_URL_S3`, for stores other than AWS; addressed path-style.
    pub endpoint: Option<String>,
    /// `AWS_REGION`.
    pub region: String,
    /// `UPLOAD_URL`: the address that presigned URLs lead to; the endpoint, if none.
    pub upload_url: Option<String>,
    /// Instead of the environment's.
    pub credentials: Option<StaticCredentials>,
}

/// An access key, for those who hold it themselves.
#[derive(Clone)]
pub struct StaticCredentials {
    /// Its name.
    pub access_key: String,
    /// Its secret.
    pub secret_key: String,
}

impl fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticCredentials({})", self.access_key)
    }
}

/// A variable that is missing.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not set: it names {1}")]
pub struct ConfigError(&'static str, &'static str);

impl BucketConfig {
    /// From `BUCKET`, `AWS_ENDPOINT_URL_S3`, `AWS_REGION`, and `UPLOAD_URL`, else `PUBLIC_URL`, else [`own_url`].
    ///
    /// # Errors
    /// [`ConfigError`] if `BUCKET` is not set.
    pub fn from_env() -> Result<Self, ConfigError> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            bucket: var("BUCKET").ok_or(ConfigError("BUCKET", "the bucket that holds everything"))?,
            endpoint: var("AWS_ENDPOINT_URL_S3"),
            region: var("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            upload_url: var("UPLOAD_URL").or_else(|| var("PUBLIC_URL")).or_else(|| own_url(var)),
            credentials: None,
        })
    }
}

/// This machine at `CLIPSET_PORT`: what browsers use where nothing else is said.
pub fn own_url(var: impl Fn(&str) -> Option<String>) -> Option<String> {
    Some(format!("http://127.0.0.1:{}", var("CLIPSET_PORT")?))
}

/// What the clients of AWS in one process share: region, credentials, time-outs, retries, and one
/// pool of connections, whose list of root certificates takes a while to read.
pub async fn shared_config(region: &str) -> SdkConfig {
    // An attempt that hangs is worth less than a second one; four attempts at most, with the
    // SDK's jittered backoff. Bodies are watched by its stalled-stream protection instead.
    let timeouts =
        TimeoutConfig::builder().connect_timeout(Duration::from_secs(3)).read_timeout(Duration::from_secs(20)).build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_max_backoff(Duration::from_secs(3)));
    let default = default_http_client_plugin_v2(BehaviorVersion::latest());
    let components = RuntimeComponentsBuilder::new("shared");
    let client = default.as_ref().and_then(|plugin| plugin.runtime_components(&components).http_client());
    match client {
        Some(client) => config.http_client(client).load().await,
        None => config.load().await,
    }
}

/// An object whose bytes changed in the store is the same a second later.
#[derive(Debug)]
struct DamageStays;

impl ClassifyRetry for DamageStays {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let error = context.output_or_error().and_then(Result::err);
        let read = error.and_then(|error| error.as_operation_error()?.downcast_ref::<GetObjectError>());
        match read.and_then(ProvideErrorMetadata::code) {
            Some(DAMAGED) => RetryAction::RetryForbidden,
            _ => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "damage stays"
    }
}

/// The bucket. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bucket {
    inner: Arc<Inner>,
    /// Whose media are written.
    clip: Option<ShortId>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    presigner: Client,
    name: String,
    clock: StoreClock,
    /// Writers of the listing in one process wait for each other instead of racing.
    listing_turn: tokio::sync::Mutex<()>,
}

impl Bucket {
    /// Connects. Nothing is sent yet.
    pub async fn connect(config: &BucketConfig) -> Self {
        Self::connect_as(config, &shared_config(&config.region).await)
    }

    /// Connects with what other clients of AWS in this process share.
    pub fn connect_as(config: &BucketConfig, shared: &SdkConfig) -> Self {
        let builder = |endpoint: Option<&String>| {
            let mut builder = Builder::from(shared).retry_classifier(DamageStays);
            if let Some(StaticCredentials { access_key, secret_key }) = &config.credentials {
                builder = builder.credentials_provider(Credentials::new(access_key, secret_key, None, None, "given"));
            }
            if let Some(endpoint) = endpoint {
                builder = builder.endpoint_url(endpoint).force_path_style(true);
            }
            builder
        };
        let clock = StoreClock::default();
        let client = builder(config.endpoint.as_ref()).interceptor(clock.clone());
        let client = Client::from_conf(client.build());
        // A checksum in a presigned URL would have to be known before the part is.
        let presigner = builder(config.upload_url.as_ref().or(config.endpoint.as_ref()))
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .build();
        let presigner = Client::from_conf(presigner);
        let (name, listing_turn) = (config.bucket.clone(), tokio::sync::Mutex::default());
        Self { inner: Arc::new(Inner { client, presigner, name, clock, listing_turn }), clip: None }
    }

    /// The same bucket, in which the media that are written say that they are of `clip`. A sweep holds what says so
    /// while the clip's record cannot be read.
    #[must_use]
    pub fn for_clip(&self, clip: &ShortId) -> Self {
        Self { clip: Some(clip.clone()), ..self.clone() }
    }

    /// What media are stored with.
    pub(crate) fn media_metadata(&self) -> Option<HashMap<String, String>> {
        self.clip.as_ref().map(|clip| HashMap::from([(CLIP.to_owned(), clip.to_string())]))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Asks the store what time it is.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn time(&self) -> Result<Timestamp, BucketError> {
        self.ping().await.map(|()| self.now())
    }

    /// The time by the store's clock, which all who use it share; by this machine's until the store has answered.
    pub fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    pub(crate) fn client(&self) -> &Client {
        &self.inner.client
    }

    /// For the one call that may rightly take long: the store puts all parts of an upload together.
    pub(crate) fn patient() -> Builder {
        let read_timeout = TimeoutConfig::builder().read_timeout(LONGEST_COMPLETE).build();
        Builder::new().timeout_config(read_timeout)
    }

    pub(crate) async fn listing_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.inner.listing_turn.lock().await
    }

    pub(crate) fn presigner(&self) -> &Client {
        &self.inner.presigner
    }

    /// Makes the bucket; one of ours that is there already is no error.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn make(&self) -> Result<(), BucketError> {
        match self.client().create_bucket().bucket(self.name()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("BucketAlreadyOwnedByYou") => Ok(()),
            Err(error) => Err(sdk("make", self.name(), error)),
        }
    }

    /// Lets anyone read objects below `prefixes`, and nobody list: the edge asks without a key. A store that knows no
    /// policies is left as it is; [`lets_anyone_read`](Self::lets_anyone_read) tells whether it is open already.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn allow_reading(&self, prefixes: &[&str]) -> Result<(), BucketError> {
        let resources: Vec<_> =
            prefixes.iter().map(|prefix| format!("arn:aws:s3:::{}/{prefix}*", self.name())).collect();
        let policy = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": ["s3:GetObject"], "Resource": resources}
            ],
        });
        let put = self.client().put_bucket_policy().bucket(self.name()).policy(policy.to_string());
        match put.send().await {
            Err(error) if error.code() == Some("NotImplemented") => Ok(()),
            put => put.map(drop).map_err(|error| sdk("set the policy of", self.name(), error)),
        }
    }

    /// Whether the bucket answers: one small listing.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn ping(&self) -> Result<(), BucketError> {
        let list = self.client().list_objects_v2().bucket(self.name()).prefix("settings.json").max_keys(1);
        list.send().await.map(drop).map_err(|error| sdk("list", self.name(), error))
    }

    /// Makes sure that the store can be used: it [honours conditions](Self::honours_conditions) and
    /// [refuses strangers](Self::refuses_strangers).
    ///
    /// # Errors
    /// As of these two.
    pub async fn probe(&self) -> Result<(), BucketError> {
        self.honours_conditions().await?;
        self.refuses_strangers().await
    }

    /// Makes sure that the store honours `If-None-Match` and `If-Match` on writes.
    ///
    /// # Errors
    /// [`BucketError::NoConditionalWrites`] for a store that does not,
    /// [`BucketError::Store`] if it cannot be asked.
    pub async fn honours_conditions(&self) -> Result<(), BucketError> {
        let key = format!("catalog/probes/{}", Uuid::new_v4());
        let put = || self.client().put_object().bucket(self.name()).key(&key).body("{}".to_owned().into_bytes().into());
        let outcome = async {
            let first = put().if_none_match("*").send().await.map_err(|error| sdk("probe", &key, error))?;
            let etag = first.e_tag().unwrap_or_default().to_owned();
            refused(put().if_none_match("*").send().await.map(drop).map_err(|error| sdk("probe", &key, error)))?
                .ok_or(BucketError::NoConditionalWrites("If-None-Match"))?;
            let stale = put().if_match("\"00000000000000000000000000000000\"").send().await;
            refused(stale.map(drop).map_err(|error| sdk("probe", &key, error)))?
                .ok_or(BucketError::NoConditionalWrites("If-Match"))?;
            let fresh = put().if_match(etag).send().await;
            fresh.map(drop).map_err(|error| sdk("probe", &key, error))
        };
        let outcome = outcome.await;
        let removed = self.client().delete_object().bucket(self.name()).key(&key).send().await;
        outcome.and(removed.map(drop).map_err(|error| sdk("remove", &key, error)))
    }
}

/// `Some` if the write was refused as a conflict, `None` if it went through.
fn refused(outcome: Result<(), BucketError>) -> Result<Option<()>, BucketError> {
    match outcome {
        Err(BucketError::Conflict { .. }) => Ok(Some(())),
        Ok(()) => Ok(None),
        Err(other) => Err(other),
    }
}
