//! What containers need: a bucket that is made once, and an answer to whether a process is well.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clipset_bucket::{Bucket, BucketConfig};
use clipset_core::key::EDGE_PREFIXES;
use reqwest::Url;

use crate::output;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// `clipset bucket-setup`: makes the bucket on a store that answers, and lets anyone read what the edge serves. Done
/// twice, it changes nothing.
///
/// # Errors
/// A sentence: the store does not answer, or does not do what is needed.
pub async fn bucket_setup() -> Result<()> {
    let bucket = Bucket::connect(&BucketConfig::from_env()?).await;
    bucket.make().await.context("the bucket cannot be made")?;
    bucket.allow_reading(&EDGE_PREFIXES).await?;
    bucket.probe().await.context("the bucket cannot be used")?;
    output::line(format!("{} is ready", bucket.name()));
    Ok(())
}

/// `clipset healthy`: whether a server answers well at `url`; without one, whether the bucket answers.
///
/// # Errors
/// Why not.
pub async fn healthy(url: Option<Url>) -> Result<()> {
    let Some(url) = url else {
        let bucket = Bucket::connect(&BucketConfig::from_env()?).await;
        let answer = tokio::time::timeout(PATIENCE, bucket.ping()).await.context("the bucket does not answer")?;
        return answer.context("the bucket does not answer");
    };
    let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
    let answer = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    ensure!(answer.status().is_success(), "it answers {}", answer.status());
    Ok(())
}
