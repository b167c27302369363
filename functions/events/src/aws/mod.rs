//! The events function on AWS: which services it is told to use, and their SDKs.

mod batch;
mod config;
mod convert;
mod tombstones;

use std::sync::Arc;

use aws_sdk_batch::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use clipset_bucket::SdkConfig;
use clipset_logs::init_logs;
use clipset_service::{JobBackend, Metrics, Service};
use lambda_runtime::{LambdaEvent, service_fn};

pub use batch::Batch;
pub use config::{BackendConfigError, BatchConfig, ConvertConfig, EdgeConfig, Queue};
pub use convert::Convert;
pub use tombstones::CloudFront;

use crate::{
    Dispatcher, Edge, Events,
    backend::{Backend, BackendError},
};

/// Answers Lambda's events until Lambda ends the process.
///
/// # Errors
/// A sentence about the environment; what the runtime says.
pub async fn run() -> anyhow::Result<()> {
    init_logs();
    let started = start().await.inspect_err(|error| tracing::error!(%error, "the function cannot start"));
    let events = started?;
    let handler = service_fn(async |event: LambdaEvent<serde_json::Value>| {
        let handled = Box::pin(events.handle(&event.payload)).await;
        let handled =
            handled.inspect_err(|error| tracing::error!(%error, "an event could not be dealt with, and comes again"));
        handled.map_err(lambda_runtime::Error::from)
    });
    lambda_runtime::run(handler).await.map_err(anyhow::Error::from_boxed)
}

async fn start() -> anyhow::Result<Events> {
    let service = Service::without_secrets().await?;
    let aws = clipset_bucket::shared_config(&service.config.bucket.region).await;
    let backend = backend(&service, &aws)?;
    let metrics = Metrics::from_env();
    let dispatcher = backend.map(|backend| Dispatcher::new(Arc::clone(&service), backend, metrics));
    let edge = EdgeConfig::from_env().map(|config| Box::new(CloudFront::new(config, &aws)) as Box<dyn Edge>);
    Ok(Events::new(service, dispatcher, edge))
}

/// The backend that `JOB_BACKEND` names; `None` where runners watch the bucket themselves.
fn backend(service: &Service, aws: &SdkConfig) -> Result<Option<Arc<dyn Backend>>, BackendConfigError> {
    Ok(match service.config.job_backend {
        JobBackend::Runner => None,
        JobBackend::Batch => Some(Arc::new(Batch::new(BatchConfig::from_env()?, aws))),
        JobBackend::MediaConvert => {
            let config = ConvertConfig::from_env(service.config.bucket.bucket.clone())?;
            Some(Arc::new(Convert::new(config, aws)))
        }
    })
}

/// What `service` said instead of doing it. That the caller is at fault is told by the status, but for too many requests, which
/// pass, and for keys that are just being renewed.
fn failed<E>(service: &'static str, operation: &'static str, error: SdkError<E>) -> BackendError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let code = error.code().unwrap_or_default();
    let passes = code.contains("Throttl") || code.contains("TooManyRequests") || code.contains("Expired");
    let message = DisplayErrorContext(error).to_string();
    match status {
        Some(400..=404) if !passes => BackendError::Denied { service, operation, message },
        _ => BackendError::Failed { service, operation, message },
    }
}
