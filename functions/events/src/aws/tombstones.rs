//! What CloudFront must serve no more: tombstones in the key value store that its function reads,
//! and an invalidation of what it holds.

use async_trait::async_trait;
use aws_sdk_cloudfront::types::{InvalidationBatch, Paths};
use aws_sdk_cloudfrontkeyvaluestore::{
    error::{DisplayErrorContext, SdkError},
    types::{DeleteKeyRequestListItem, PutKeyRequestListItem},
};
use clipset_bucket::SdkConfig;
use clipset_core::{Timestamp, id::EncodeId, key::prefixes_of};

use super::config::EdgeConfig;
use crate::{Edge, EventError};

/// Keys are `deleted/{uuid}`, values the unix seconds after which no signature leads there.
const PREFIX: &str = "deleted/";

/// Changes of the store in one request (its quota is 50).
const BATCH: usize = 50;

/// How often a change is tried again that another writer was faster with.
const ATTEMPTS: usize = 5;

/// CloudFront, by its key value store and its distribution.
#[derive(Debug, Clone)]
pub struct CloudFront {
    config: EdgeConfig,
    store: aws_sdk_cloudfrontkeyvaluestore::Client,
    cloudfront: aws_sdk_cloudfront::Client,
}

#[derive(Clone)]
enum Change {
    Put(String, String),
    Remove(String),
}

impl CloudFront {
    /// With this store and distribution.
    pub fn new(config: EdgeConfig, aws: &SdkConfig) -> Self {
        let store = aws_sdk_cloudfrontkeyvaluestore::Client::new(aws);
        Self { config, store, cloudfront: aws_sdk_cloudfront::Client::new(aws) }
    }

    /// The store takes a change only with the version that it is a change of.
    async fn change(&self, store: &str, changes: &[Change]) -> Result<(), EventError> {
        for changes in changes.chunks(BATCH) {
            let mut attempt = 1;
            while let Err(error) = self.change_once(store, changes).await {
                if attempt == ATTEMPTS {
                    return Err(error);
                }
                attempt += 1;
            }
        }
        Ok(())
    }

    async fn change_once(&self, store: &str, changes: &[Change]) -> Result<(), EventError> {
        let described = self.store.describe_key_value_store().kvs_arn(store).send().await.map_err(failed)?;
        let mut update = self.store.update_keys().kvs_arn(store).if_match(described.e_tag());
        for change in changes {
            update = match change {
                Change::Put(key, value) => {
                    let put = PutKeyRequestListItem::builder().key(key).value(value).build();
                    update.puts(put.map_err(|error| EventError::Edge(error.to_string()))?)
                }
                Change::Remove(key) => {
                    let delete = DeleteKeyRequestListItem::builder().key(key).build();
                    update.deletes(delete.map_err(|error| EventError::Edge(error.to_string()))?)
                }
            };
        }
        update.send().await.map(drop).map_err(failed)
    }

    /// The caller's reference makes a second request for the same deletion the same invalidation.
    async fn invalidate(&self, distribution: &str, ids: &[EncodeId]) -> Result<(), EventError> {
        let Some(first) = ids.first() else { return Ok(()) };
        // Originals are not served. Each wildcard is one path.
        let paths: Vec<String> = ids
            .iter()
            .flat_map(|id| prefixes_of(*id))
            .filter(|prefix| !prefix.starts_with("originals/"))
            .map(|prefix| format!("/{prefix}{}", if prefix.ends_with('/') { "*" } else { "" }))
            .collect();
        let paths = Paths::builder().quantity(paths.len() as i32).set_items(Some(paths)).build();
        let paths = paths.map_err(|error| EventError::Edge(error.to_string()))?;
        let batch =
            InvalidationBatch::builder().paths(paths).caller_reference(format!("{first}-{}", ids.len())).build();
        let batch = batch.map_err(|error| EventError::Edge(error.to_string()))?;
        let create = self.cloudfront.create_invalidation().distribution_id(distribution).invalidation_batch(batch);
        create.send().await.map(drop).map_err(failed)
    }
}

#[async_trait]
impl Edge for CloudFront {
    async fn bury(&self, ids: &[EncodeId], until: Timestamp) -> Result<(), EventError> {
        if let Some(store) = &self.config.store {
            let until = until.as_second().to_string();
            let puts: Vec<_> = ids.iter().map(|id| Change::Put(format!("{PREFIX}{id}"), until.clone())).collect();
            self.change(store, &puts).await?;
        }
        // After the tombstones, so that nothing comes back into the cache between the two.
        match &self.config.distribution {
            Some(distribution) => self.invalidate(distribution, ids).await,
            None => Ok(()),
        }
    }

    async fn clear_old(&self, now: Timestamp) -> Result<(), EventError> {
        let Some(store) = &self.config.store else { return Ok(()) };
        let mut old = Vec::new();
        let mut pages = self.store.list_keys().kvs_arn(store).into_paginator().send();
        while let Some(page) = pages.next().await {
            for item in page.map_err(failed)?.items() {
                let ended = item.value().parse::<i64>().is_ok_and(|until| until < now.as_second());
                if item.key().starts_with(PREFIX) && ended {
                    old.push(Change::Remove(item.key().to_owned()));
                }
            }
        }
        self.change(store, &old).await
    }
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: SdkError<E>) -> EventError {
    EventError::Edge(DisplayErrorContext(error).to_string())
}
