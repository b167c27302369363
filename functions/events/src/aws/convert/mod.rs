//! Jobs as AWS Elemental MediaConvert's.

mod settings;
mod source;

use async_trait::async_trait;
use aws_sdk_mediaconvert::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{JobSettings, ProbeInputFile, StatusUpdateInterval},
};
use clipset_bucket::SdkConfig;
use clipset_core::key::MediaKey;

use super::config::ConvertConfig;
use crate::{
    backend::{Backend, BackendError, Order, Output, Report},
    event::convert_report,
};

/// Our name for a round stands in a job's metadata under this key, and comes back in its events.
const METADATA: &str = "clipset";

/// AWS Elemental MediaConvert.
#[derive(Debug, Clone)]
pub struct Convert {
    client: Client,
    config: ConvertConfig,
}

impl Convert {
    /// In this role and queue.
    pub fn new(config: ConvertConfig, aws: &SdkConfig) -> Self {
        Self { client: Client::new(aws), config }
    }

    fn url(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.config.bucket)
    }

    /// Asks MediaConvert itself what the file is, and decides.
    async fn settings(&self, order: Order<'_>) -> Result<JobSettings, BackendError> {
        let original = order.video.upload.original.map(MediaKey::Original);
        let mp4 = || order.video.publication.as_ref().and_then(|is| is.progressive).map(MediaKey::Progressive);
        let gone = || BackendError::Refused("The uploaded file is no longer there.".to_owned());
        let input = self.url(&original.or_else(mp4).ok_or_else(gone)?.to_string());
        let file = ProbeInputFile::builder().file_url(&input).build();
        let probed = self.client.probe().input_files(file).send().await;
        let probed = probed.map_err(|error| match error.code() {
            Some("BadRequestException") => BackendError::Refused(source::UNREADABLE.to_owned()),
            _ => failed("probe a file", error),
        })?;
        let source = source::read(probed.probe_results()).map_err(BackendError::Refused)?;
        Ok(settings::job(&source, order.settings, &input, order.dispatch.outputs, &|key| self.url(key)))
    }
}

#[async_trait]
impl Backend for Convert {
    fn is_held_for(&self) -> bool {
        true
    }

    fn has_fallback(&self) -> bool {
        false
    }

    async fn submit(&self, order: Order<'_>) -> Result<String, BackendError> {
        let name = order.dispatch.name().to_string();
        let created = self
            .client
            .create_job()
            // The same token gives the same job.
            .client_request_token(&name)
            .user_metadata(METADATA, &name)
            .role(&self.config.role)
            .set_queue(self.config.queue.clone())
            .status_update_interval(StatusUpdateInterval::Seconds10)
            .settings(self.settings(order).await?)
            .send()
            .await;
        let job = created.map_err(|error| failed("take a job", error))?.job;
        job.and_then(|job| job.id).ok_or_else(|| BackendError::Failed {
            service: SERVICE,
            operation: "take a job",
            message: "it gave no id".to_owned(),
        })
    }

    async fn report(&self, id: &str) -> Result<Option<Report>, BackendError> {
        let job = match self.client.get_job().id(id).send().await {
            Ok(found) => found.job,
            Err(error) if error.code() == Some("NotFoundException") => return Ok(None),
            Err(error) => return Err(failed("describe a job", error)),
        };
        Ok(job.and_then(|job| {
            let status = job.status().map_or("", |status| status.as_str());
            let progress = job.job_percent_complete().map(|percent| f64::from(percent) / 100.0);
            let details = job.output_group_details().iter().flat_map(|group| group.output_details());
            let outputs = details.filter_map(|detail| {
                let video = detail.video_details()?;
                Some(Output {
                    width: video.width_in_px().unwrap_or_default().try_into().ok()?,
                    height: video.height_in_px().unwrap_or_default().try_into().ok()?,
                    duration: f64::from(detail.duration_in_ms().unwrap_or_default()) / 1000.0,
                })
            });
            convert_report(status, progress, job.error_code().unwrap_or_default().into(), outputs)
        }))
    }

    async fn stop(&self, id: &str, _why: &str) -> Result<(), BackendError> {
        match self.client.cancel_job().id(id).send().await {
            Ok(_) => Ok(()),
            // It has ended.
            Err(error) if matches!(error.code(), Some("ConflictException" | "NotFoundException")) => Ok(()),
            Err(error) => Err(failed("stop a job", error)),
        }
    }
}

const SERVICE: &str = "MediaConvert";

fn failed<E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static>(
    operation: &'static str,
    error: SdkError<E>,
) -> BackendError {
    super::failed(SERVICE, operation, error)
}
