//! One bucket, the services, and a video whose job stands in the queue.

use std::sync::{Arc, Mutex};

use clipset_bucket::{BucketConfig, StaticCredentials};
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey},
    signing::SignatureLife,
    video::{Upload, Video},
};
use clipset_events::{
    Dispatcher, Edge, Events,
    aws::{Batch, BatchConfig, CloudFront, Convert, ConvertConfig, EdgeConfig, Queue},
    backend::Backend,
    dispatch::Dispatch,
};
use clipset_local_bucket::Server;
use clipset_service::{Config, JobBackend, Metrics, Secrets, Service};
use serde_json::Value;
use tempfile::TempDir;

use crate::services::Services;

/// The ids that stand in the recorded events.
const VIDEO: &str = "aB3dE6gH9j";
const BATCH_JOB: &str = "4c7599ae-0a82-49aa-ba5a-4727fcce14a8";
const CONVERT_JOB: &str = "1795528800000-abc123";

pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) services: Services,
    pub(crate) events: Events,
    lines: Arc<Mutex<Vec<Value>>>,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn batch() -> Self {
        let queue = |name: &str| Queue { queue: format!("{name}-queue"), definition: format!("{name}-definition") };
        let config = BatchConfig { first: queue("gpu"), fallback: Some(queue("fargate")) };
        Self::start(|services| Arc::new(Batch::new(config, &services.aws))).await
    }

    pub(crate) async fn convert() -> Self {
        let config = ConvertConfig {
            bucket: "clipset".into(),
            role: "arn:aws:iam::123456789012:role/clipset-mediaconvert".into(),
            queue: Some("arn:aws:mediaconvert:us-east-1:123456789012:queues/clipset".into()),
        };
        Self::start(|services| Arc::new(Convert::new(config, &services.aws))).await
    }

    async fn start(backend: impl FnOnce(&Services) -> Arc<dyn Backend>) -> Self {
        let folder = TempDir::new().unwrap();
        let bucket = clipset_local_bucket::Config {
            root: folder.path().to_owned(),
            bucket: "clipset".into(),
            access_key: "test".into(),
            secret_key: "test-secret".into(),
            anonymous_prefixes: Vec::new(),
            reserve: clipset_local_bucket::Reserve::default(),
        };
        let server = Server::bind(bucket, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let endpoint = format!("http://{}", server.local_addr());
        tokio::spawn(server.serve(std::future::pending()));
        let config = Config {
            signature_life: SignatureLife::new(43_200),
            public_url: "http://clips.test".into(),
            job_backend: JobBackend::Batch,
            tombstones: None,
            trusted_proxies: clipset_service::TrustedProxies::default(),
            task_disk: None,
            bucket: BucketConfig {
                bucket: "clipset".into(),
                endpoint: Some(endpoint),
                region: "us-east-1".into(),
                upload_url: None,
                credentials: Some(StaticCredentials { access_key: "test".into(), secret_key: "test-secret".into() }),
            },
        };
        let service = Service::new(config, Secrets::unknown()).await;
        let services = Services::start().await;
        let lines: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&lines);
        let metrics = Metrics::new("Clipset/test".into(), "events".into(), move |line| {
            kept.lock().unwrap().push(serde_json::from_str(line).unwrap());
        });
        let dispatcher = Dispatcher::new(service.clone(), backend(&services), Some(metrics));
        let edge = EdgeConfig { store: Some(STORE.into()), distribution: Some("E2EXAMPLE".into()) };
        let edge: Box<dyn Edge> = Box::new(CloudFront::new(edge, &services.aws));
        let events = Events::new(service.clone(), Some(dispatcher), Some(edge));
        Self { service, services, events, lines, _folder: folder }
    }

    /// A video whose upload is complete, with its job in the queue.
    pub(crate) async fn uploaded(&self) -> (Video, Job) {
        let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let owner = "ada".parse().unwrap();
        let mut video = Video::begin(ShortId::random(), owner, "Clip".into(), upload, Timestamp::now());
        let job = Job::new(video.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
        video.complete_upload(1000, job.id.clone()).unwrap();
        let original = MediaKey::Original(video.upload.original.unwrap());
        self.service.bucket.put_bytes(&original, vec![1; 10]).await.unwrap();
        self.service.videos.create(&video).await.unwrap();
        self.service.jobs.enqueue(&job).await.unwrap();
        (video, job)
    }

    /// Delivers the recorded event `name`, as it would be of `job` and the backend's `given`.
    pub(crate) async fn deliver(&self, name: &str, job: &Job, given: &str, round: u32) {
        self.events.handle(&event(name, job, given, round)).await.unwrap();
    }

    pub(crate) async fn sweep(&self) {
        self.events.handle(&serde_json::json!({"clipset": "sweep"})).await.unwrap();
    }

    /// Writes an object under a key that is none of ours.
    pub(crate) async fn put(&self, key: &str, body: &'static str) {
        let config = aws_sdk_s3::config::Builder::from(&self.services.aws)
            .endpoint_url(self.service.config.bucket.endpoint.clone().unwrap())
            .credentials_provider(aws_sdk_s3::config::Credentials::new("test", "test-secret", None, None, "test"))
            .force_path_style(true);
        let client = aws_sdk_s3::Client::from_conf(config.build());
        client.put_object().bucket("clipset").key(key).body(body.as_bytes().to_vec().into()).send().await.unwrap();
    }

    pub(crate) async fn job(&self, id: &JobId) -> Job {
        self.service.jobs.get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn video(&self, id: &ShortId) -> Video {
        self.service.video(id).await.unwrap()
    }

    pub(crate) async fn dispatch(&self, id: &JobId) -> Option<Dispatch> {
        let found = self.service.bucket.read(&DocumentKey::Dispatch(id.clone())).await.unwrap();
        found.map(|found| found.value)
    }

    /// What was measured under this name, in order.
    pub(crate) fn measured(&self, name: &str) -> Vec<f64> {
        self.lines.lock().unwrap().iter().filter_map(|line| line[name].as_f64()).collect()
    }

    /// Makes the job look as if it had been made `minutes` ago.
    pub(crate) async fn delay(&self, id: &JobId, minutes: i64) {
        let delayed = self.service.jobs.update(id, |job| {
            job.created_at -= jiff::SignedDuration::from_mins(minutes);
            Ok::<_, clipset_core::job::JobError>(())
        });
        delayed.await.unwrap();
    }

    /// Makes the present round look as if it had begun `minutes` ago.
    pub(crate) async fn age(&self, id: &JobId, minutes: i64) {
        let key = DocumentKey::Dispatch(id.clone());
        let aged = self.service.bucket.update(&key, |found: &mut Dispatch| {
            found.since = Timestamp::now() - jiff::SignedDuration::from_mins(minutes);
            Ok::<_, std::convert::Infallible>(())
        });
        aged.await.unwrap();
    }
}

pub(crate) const STORE: &str = "arn:aws:cloudfront::123456789012:key-value-store/0b1c2d3e-0000-4000-8000-000000000000";

/// A recorded event with the ids of this test.
pub(crate) fn event(name: &str, job: &Job, given: &str, round: u32) -> Value {
    let text = recorded(name)
        .replace("aB3dE6gH9j-first-1-1", &format!("aB3dE6gH9j-first-1-{round}"))
        .replace(VIDEO, job.video.as_str())
        .replace(BATCH_JOB, given)
        .replace(CONVERT_JOB, given);
    serde_json::from_str(&text).unwrap()
}

/// A recorded event as it is.
pub(crate) fn recorded(name: &str) -> String {
    let path = format!("{}/tests/events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
