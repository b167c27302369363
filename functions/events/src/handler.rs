//! One event after the other.

use std::sync::Arc;

use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::Job,
    video::retire_at,
};
use clipset_service::Service;
use serde_json::Value;

use crate::{Bounds, backend::BackendError, buried, dispatcher::Dispatcher, event::Event, step, work_due};

/// What an event could not be dealt with for. It comes again.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// The bucket failed.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The backend failed.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// The edge could not be told.
    #[error("the edge could not be told of a deletion: {0}")]
    Edge(String),
}

impl EventError {
    /// A document cannot be read: the same event would end the same.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Bucket(error) if error.is_unreadable())
    }
}

/// Tells the edge what it must serve no more. A port: at CloudFront a key value store.
#[async_trait::async_trait]
pub trait Edge: Send + Sync {
    /// From now on the edge answers 410 for what stands below `ids`; after `until` nobody can ask for it.
    ///
    /// # Errors
    /// [`EventError::Edge`].
    async fn bury(&self, ids: &[EncodeId], until: Timestamp) -> Result<(), EventError>;

    /// Forgets those whose time has passed at `now`.
    ///
    /// # Errors
    /// [`EventError::Edge`].
    async fn clear_old(&self, now: Timestamp) -> Result<(), EventError>;
}

/// What deals with events.
pub struct Events {
    service: Arc<Service>,
    dispatcher: Option<Dispatcher>,
    edge: Option<Box<dyn Edge>>,
}

impl Events {
    /// Over `service`; without a dispatcher a watching runner does the jobs, without an edge nginx looks for
    /// tombstones itself.
    pub fn new(service: Arc<Service>, dispatcher: Option<Dispatcher>, edge: Option<Box<dyn Edge>>) -> Self {
        Self { service, dispatcher, edge }
    }

    /// Deals with one event. Any of them may come twice, late, or never: the sweep finds what was missed.
    ///
    /// # Errors
    /// [`EventError`]: Lambda sends the event again.
    pub async fn handle(&self, event: &Value) -> Result<(), EventError> {
        match Event::read(event) {
            Event::Job { name, given, report } => match &self.dispatcher {
                Some(dispatcher) => dispatcher.hear(&name, &given, report).await,
                None => Ok(()),
            },
            Event::Created(keys) => {
                for key in keys {
                    match self.created(&key).await {
                        Err(error) if error.is_unreadable() => tracing::error!(key, %error, "passed over"),
                        dealt_with => dealt_with?,
                    }
                }
                Ok(())
            }
            Event::Review => {
                let reviewed = self.review().await;
                // Deletions wait for no sweep.
                reviewed.and(work_due(&self.service, &Bounds::default()).await.map(drop).map_err(EventError::from))
            }
            Event::Sweep => self.sweep().await,
            Event::Other(kind) => {
                tracing::warn!(kind, "an event that is none of ours");
                Ok(())
            }
        }
    }

    async fn created(&self, key: &str) -> Result<(), EventError> {
        if let Some(job) = key.strip_prefix("jobs/queue/").and_then(|entry| Job::id_of_entry(entry).ok())
            && let Some(dispatcher) = &self.dispatcher
        {
            return dispatcher.begin(&job).await;
        }
        let video = key.strip_prefix("catalog/videos/").and_then(|name| name.strip_suffix(".json"));
        if let Some(id) = video.and_then(|id| id.parse::<ShortId>().ok())
            && let Some(edge) = &self.edge
            && let Some(found) = self.service.videos.get(&id).await?
            && found.value.is_deleted()
        {
            let until = retire_at(Timestamp::now(), self.service.config.signature_life);
            buried::note(&self.service.bucket, until).await?;
            return edge.bury(&found.value.ids(), until).await;
        }
        Ok(())
    }

    async fn review(&self) -> Result<(), EventError> {
        match &self.dispatcher {
            Some(dispatcher) => dispatcher.review(Timestamp::now()).await,
            None => Ok(()),
        }
    }

    async fn sweep(&self) -> Result<(), EventError> {
        // First, for it waits for nothing and nothing may keep it: else tombstones fill the store.
        let cleared = match &self.edge {
            Some(edge) => buried::clear(&self.service.bucket, edge.as_ref(), Timestamp::now()).await,
            None => Ok(()),
        };
        // Jobs next: a sweep removes what no job that waits or runs is writing.
        let reviewed = self.review().await;
        let swept = Box::pin(step(&self.service)).await;
        if let Ok(swept) = &swept {
            tracing::info!("swept: {swept}");
        }
        reviewed.and(swept.map(drop).map_err(EventError::from)).and(cleared)
    }
}
