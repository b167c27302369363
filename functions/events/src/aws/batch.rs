//! Jobs as containers of AWS Batch: `clipset-transcoder run JOB`, which takes the job's lease itself. How long one may take, and
//! what is tried again by Batch itself, stands in the job definition.

use async_trait::async_trait;
use aws_sdk_batch::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::KeyValuesPair,
};
use clipset_bucket::SdkConfig;

use super::config::{BatchConfig, Queue};
use crate::{
    backend::{Backend, BackendError, Order, Report},
    dispatch::Place,
    event::batch_report,
};

/// AWS Batch.
#[derive(Debug, Clone)]
pub struct Batch {
    client: Client,
    config: BatchConfig,
}

impl Batch {
    /// With these queues.
    pub fn new(config: BatchConfig, aws: &SdkConfig) -> Self {
        Self { client: Client::new(aws), config }
    }

    fn place(&self, place: Place) -> &Queue {
        match (place, &self.config.fallback) {
            (Place::Fallback, Some(fallback)) => fallback,
            _ => &self.config.first,
        }
    }

    /// SubmitJob takes no token against doing it twice, so a job of the round's name is looked for first.
    async fn find(&self, queue: &str, name: &str) -> Result<Option<String>, BackendError> {
        let filter = KeyValuesPair::builder().name("JOB_NAME").values(name).build();
        let list = self.client.list_jobs().job_queue(queue).filters(filter).send().await;
        let found = list.map_err(|error| failed("list jobs", error))?.job_summary_list.unwrap_or_default();
        Ok(found.into_iter().find(|job| job.job_name() == Some(name)).and_then(|job| job.job_id))
    }
}

#[async_trait]
impl Backend for Batch {
    fn is_held_for(&self) -> bool {
        false
    }

    fn has_fallback(&self) -> bool {
        self.config.fallback.is_some()
    }

    async fn submit(&self, order: Order<'_>) -> Result<String, BackendError> {
        let name = order.dispatch.name().to_string();
        let Queue { queue, definition } = self.place(order.dispatch.place);
        if let Some(id) = self.find(queue, &name).await? {
            return Ok(id);
        }
        let submitted = self
            .client
            .submit_job()
            .job_name(&name)
            .job_queue(queue)
            .job_definition(definition)
            .parameters("job", order.job.id.as_str())
            .send()
            .await;
        let id = submitted.map_err(|error| failed("take a job", error))?.job_id;
        id.ok_or_else(|| BackendError::Failed {
            service: SERVICE,
            operation: "take a job",
            message: "it gave no id".to_owned(),
        })
    }

    async fn report(&self, id: &str) -> Result<Option<Report>, BackendError> {
        let described = self.client.describe_jobs().jobs(id).send().await;
        let jobs = described.map_err(|error| failed("describe a job", error))?.jobs.unwrap_or_default();
        Ok(jobs.first().and_then(|job| {
            let status = job.status().map_or("", |status| status.as_str());
            let container = job.container().and_then(|container| container.reason()).unwrap_or_default();
            batch_report(status, job.status_reason().unwrap_or_default(), container)
        }))
    }

    async fn stop(&self, id: &str, why: &str) -> Result<(), BackendError> {
        let stopped = self.client.terminate_job().job_id(id).reason(why).send().await;
        stopped.map(drop).map_err(|error| failed("stop a job", error))
    }
}

const SERVICE: &str = "AWS Batch";

fn failed<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    operation: &'static str,
    error: SdkError<E>,
) -> BackendError {
    super::failed(SERVICE, operation, error)
}
