//! What the transcoder is told by its environment.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use clipset_bucket::BucketConfig;
use clipset_core::{
    job::{LEASE, LONG_LEASE},
    signing::SignatureLife,
};
use jiff::SignedDuration;

use crate::ffmpeg::Tools;

/// One run of FFmpeg takes no longer, unless the environment says otherwise: three days.
const LONGEST: Duration = Duration::from_secs(3 * 86_400);

/// Everything that a runner needs to know.
#[derive(Debug, Clone)]
pub struct TranscoderConfig {
    /// The bucket that holds jobs, uploads and media.
    pub bucket: BucketConfig,
    /// For how long signatures may lead to what is replaced.
    pub signature_life: SignatureLife,
    /// The folder for files at work; every job has its own below it.
    pub scratch: PathBuf,
    /// Stands in leases and in the encoder report: 1 to 63 of `[0-9a-z-]`.
    pub runner_name: String,
    /// FFmpeg and ffprobe.
    pub tools: Tools,
    /// The most that one run of FFmpeg gets, which is less for most clips.
    pub longest: Duration,
    /// What asking the bucket costs.
    pub pace: Pace,
}

/// How often the bucket is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// The job marker, for news.
    pub poll: Duration,
    /// How long a lease lasts without a beat, which says how often it beats.
    pub lease: SignedDuration,
}

impl Pace {
    /// Of a bucket on this machine or network, which costs nothing to ask.
    pub const NEAR: Self = Self { poll: Duration::from_millis(400), lease: LEASE };

    /// Of one where a request has a price.
    pub const FAR: Self = Self { poll: Duration::from_secs(2), lease: LONG_LEASE };
}

/// A variable that cannot be used; the message says why.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The bucket's.
    #[error(transparent)]
    Bucket(#[from] clipset_bucket::ConfigError),
    /// A number that is none.
    #[error("{0} must be a whole number of seconds, at least 1")]
    Seconds(&'static str),
}

impl TranscoderConfig {
    /// From the bucket's variables, `HLS_URL_TTL_SECONDS`, and, where they are set,
    /// `TRANSCODER_SCRATCH`, `TRANSCODER_NAME`, `TRANSCODER_TIME_LIMIT_SECONDS`, `FFMPEG`, `FFPROBE`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_env() -> Result<Self, ConfigError> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let seconds = |name: &'static str| {
            let parse = |text: String| text.parse::<u64>().ok().filter(|n| *n > 0).ok_or(ConfigError::Seconds(name));
            var(name).map(parse).transpose()
        };
        let bucket = BucketConfig::from_env()?;
        // By AWS Batch's own name the events function knows whose lease a dead container held.
        let own_name = var("TRANSCODER_NAME").or_else(|| var("AWS_BATCH_JOB_ID"));
        let pace = pace(bucket.endpoint.as_deref());
        let tools = Tools::default();
        Ok(Self {
            bucket,
            signature_life: SignatureLife::new(seconds("HLS_URL_TTL_SECONDS")?.unwrap_or(43_200)),
            scratch: var("TRANSCODER_SCRATCH")
                .map_or_else(|| std::env::temp_dir().join("clipset-transcoder"), PathBuf::from),
            runner_name: runner_name(&own_name.or_else(host_name).unwrap_or_default()),
            tools: Tools {
                ffmpeg: var("FFMPEG").map_or(tools.ffmpeg, PathBuf::from),
                ffprobe: var("FFPROBE").map_or(tools.ffprobe, PathBuf::from),
            },
            longest: seconds("TRANSCODER_TIME_LIMIT_SECONDS")?.map_or(LONGEST, Duration::from_secs),
            pace,
        })
    }
}

fn pace(endpoint: Option<&str>) -> Pace {
    let host = endpoint.and_then(|url| url.split_once("://")).map(|(_, rest)| {
        let authority = rest.split('/').next().unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => authority,
        }
    });
    let near = host.is_some_and(|host| match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        // A name without a dot is this machine or a neighbour container.
        Err(_) => !host.is_empty() && !host.contains('.'),
    });
    if near { Pace::NEAR } else { Pace::FAR }
}

fn host_name() -> Option<String> {
    std::fs::read_to_string("/proc/sys/kernel/hostname").ok()
}

/// `name` with the characters that a key of the bucket takes.
fn runner_name(name: &str) -> String {
    let lower = name.trim().to_ascii_lowercase();
    let kept: String = lower.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(63).collect();
    if kept.is_empty() { "runner".to_owned() } else { kept }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_bucket_is_asked_more_often_than_one_that_costs() {
        for near in
            ["http://127.0.0.1:9000", "http://minio:9000/", "http://[::1]:80", "http://192.168.1.5", "http://localhost"]
        {
            assert_eq!(pace(Some(near)), Pace::NEAR, "{near}");
        }
        for far in [None, Some("https://x.r2.cloudflarestorage.com"), Some("http://8.8.8.8:9000"), Some("nonsense")] {
            assert_eq!(pace(far), Pace::FAR, "{far:?}");
        }
    }

    #[test]
    fn runners_have_names_that_keys_take() {
        assert_eq!(runner_name("Living Room.local\n"), "living-room-local");
        assert_eq!(runner_name(" \n"), "runner");
        assert_eq!(runner_name(&"x".repeat(99)).len(), 63);
    }
}
