//! The environment, read once at start-up (contract, section 6).

use std::{net::IpAddr, path::PathBuf};

use clipset_bucket::{BucketConfig, own_url};
use clipset_core::signing::{SecretError, SignatureLife};

use crate::{ParameterError, ProxiesError, TrustedProxies};

/// Who runs jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum JobBackend {
    /// A runner that watches the bucket.
    #[default]
    Runner,
    /// AWS Batch.
    Batch,
    /// AWS Elemental MediaConvert.
    MediaConvert,
}

/// What a function is told by its environment; the secrets are [`crate::Secrets`].
#[derive(Clone)]
pub struct Config {
    /// `HLS_URL_TTL_SECONDS`.
    pub signature_life: SignatureLife,
    /// `PUBLIC_URL`, without a slash at the end.
    pub public_url: String,
    /// `JOB_BACKEND`.
    pub job_backend: JobBackend,
    /// `TOMBSTONES_DIR`: where nginx looks for the uuids of deleted videos; `None` elsewhere.
    pub tombstones: Option<PathBuf>,
    /// `TRUSTED_PROXIES`: whose `X-Forwarded-For` is believed.
    pub trusted_proxies: TrustedProxies,
    /// `TASK_DISK_BYTES`: what a task that converts a clip has for it; `None` where that is not known.
    pub task_disk: Option<u64>,
    /// `BUCKET` and its companions.
    pub bucket: BucketConfig,
}

/// A variable that is missing or wrong; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The secret key or the previous one, by its variable or parameter.
    #[error("{0} must have at least 32 bytes; make one with `openssl rand -hex 32`")]
    SecretKey(String),
    /// What CloudFront shows.
    #[error("ORIGIN_SECRET must have at least 32 characters; ./infra/secrets makes one")]
    OriginSecret,
    /// The signing secret.
    #[error(transparent)]
    SigningSecret(#[from] SecretError),
    /// The parameters that hold the secrets.
    #[error(transparent)]
    Parameters(#[from] ParameterError),
    /// A number that is none.
    #[error("{0} must be a whole number of seconds from 1 to 604800")]
    Seconds(&'static str),
    /// A number of bytes that is none.
    #[error("TASK_DISK_BYTES must be a whole number")]
    TaskDisk,
    /// An unknown backend.
    #[error("JOB_BACKEND must be runner, batch or mediaconvert")]
    JobBackend,
    /// An address without a scheme.
    #[error("PUBLIC_URL must begin with http:// or https://")]
    PublicUrl,
    /// Others reach this machine by an address that only they who set it up know.
    #[error(
        "PUBLIC_URL is not set: it says by which address browsers come, since CLIPSET_BIND lets in more than this machine"
    )]
    NoPublicUrl,
    /// The proxies in front.
    #[error(transparent)]
    Proxies(#[from] ProxiesError),
    /// The bucket's variables.
    #[error(transparent)]
    Bucket(#[from] clipset_bucket::ConfigError),
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with what to do.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_vars(|name| std::env::var(name).ok().filter(|value| !value.is_empty()), BucketConfig::from_env()?)
    }

    fn from_vars(var: impl Fn(&str) -> Option<String>, bucket: BucketConfig) -> Result<Self, ConfigError> {
        let ttl = match var("HLS_URL_TTL_SECONDS") {
            None => 43_200,
            Some(text) => text
                .parse()
                .ok()
                .filter(|seconds| (1..=604_800).contains(seconds))
                .ok_or(ConfigError::Seconds("HLS_URL_TTL_SECONDS"))?,
        };
        let public_url = match var("PUBLIC_URL") {
            Some(url) => url,
            None if var("CLIPSET_BIND").is_some_and(|bind| !is_loopback(&bind)) => {
                return Err(ConfigError::NoPublicUrl);
            }
            None => own_url(&var).unwrap_or_else(|| "http://127.0.0.1:8080".to_owned()),
        };
        if !public_url.starts_with("http://") && !public_url.starts_with("https://") {
            return Err(ConfigError::PublicUrl);
        }
        let job_backend = match var("JOB_BACKEND").as_deref() {
            None | Some("runner") => JobBackend::Runner,
            Some("batch") => JobBackend::Batch,
            Some("mediaconvert") => JobBackend::MediaConvert,
            Some(_) => return Err(ConfigError::JobBackend),
        };
        let task_disk =
            var("TASK_DISK_BYTES").map(|text| text.parse().map_err(|_| ConfigError::TaskDisk)).transpose()?;
        Ok(Self {
            signature_life: SignatureLife::new(ttl),
            public_url: public_url.trim_end_matches('/').to_owned(),
            job_backend,
            tombstones: var("TOMBSTONES_DIR").map(PathBuf::from),
            trusted_proxies: var("TRUSTED_PROXIES").unwrap_or_default().parse()?,
            task_disk,
            bucket,
        })
    }
}

fn is_loopback(address: &str) -> bool {
    address.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(vars: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let bucket = BucketConfig {
            bucket: "b".into(),
            endpoint: None,
            region: "us-east-1".into(),
            upload_url: None,
            credentials: None,
        };
        let find = |name: &str| vars.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_vars(find, bucket)
    }

    #[test]
    fn wrong_values_are_refused() {
        for wrong in [
            ("HLS_URL_TTL_SECONDS", "soon"),
            ("JOB_BACKEND", "magic"),
            ("PUBLIC_URL", "clips.example"),
            ("TRUSTED_PROXIES", "10.0.0.0/40"),
            ("CLIPSET_BIND", "0.0.0.0"),
            ("TASK_DISK_BYTES", "100 GiB"),
        ] {
            assert!(config(&[wrong]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn browsers_come_by_this_machines_port_unless_another_address_is_said() {
        let url = |vars: &[(&str, &str)]| config(vars).ok().map(|config| config.public_url);
        assert_eq!(url(&[]).as_deref(), Some("http://127.0.0.1:8080"));
        let here = [("CLIPSET_PORT", "8170"), ("CLIPSET_BIND", "127.0.0.1")];
        assert_eq!(url(&here).as_deref(), Some("http://127.0.0.1:8170"));
        let said = [("CLIPSET_PORT", "8170"), ("CLIPSET_BIND", "0.0.0.0"), ("PUBLIC_URL", "http://clips.example/")];
        assert_eq!(url(&said).as_deref(), Some("http://clips.example"));
    }
}
