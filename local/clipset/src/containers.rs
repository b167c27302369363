//! What containers need: a bucket that is made once, and an answer to whether a process is well.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clipset_bucket::{Bucket, BucketConfig};
use clipset_core::path::EDGE_PREFIXES;
use reqwest::Url;

use crate::output;

/// How long an answer to a health check may take. The images' own limit is a little later.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a command waits for a bucket that is slow to answer.
const MORE_PATIENCE: Duration = Duration::from_secs(8);

/// `clipset bucket-setup`: makes the bucket on a store that answers, and lets anyone read what the edge serves, and that
/// alone. Done twice, it changes nothing.
///
/// # Errors
/// A sentence: the store does not answer, or does not do what is needed.
pub async fn bucket_setup() -> Result<()> {
    let bucket = Bucket::connect(&BucketConfig::from_env()?).await;
    bucket.make().await.context("the bucket cannot be made")?;
    bucket.allow_reading(&EDGE_PREFIXES).await?;
    bucket.probe().await.context("the bucket cannot be used")?;
    bucket.lets_anyone_read(&EDGE_PREFIXES).await.context("the bucket cannot be used")?;
    output::line(format!("{} is ready", bucket.name()));
    Ok(())
}

/// `clipset healthy`: whether a server answers well at `url`; without one, whether the bucket answers.
///
/// # Errors
/// Why not.
pub async fn healthy(url: Option<Url>) -> Result<()> {
    let Some(url) = url else {
        return answers(&Bucket::connect(&BucketConfig::from_env()?).await, PATIENCE).await;
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    ensure!(answer.status().is_success(), "it answers {}", answer.status());
    Ok(())
}

/// Makes sure that the bucket answers, before a command finds out by attempt after attempt.
///
/// # Errors
/// A sentence.
pub(crate) async fn require_bucket(bucket: &Bucket) -> Result<()> {
    answers(bucket, MORE_PATIENCE).await
}

async fn answers(bucket: &Bucket, patience: Duration) -> Result<()> {
    let answer = tokio::time::timeout(patience, bucket.ping()).await;
    answer.context("the bucket does not answer: does its server run?")?.context("the bucket does not answer")
}
