//! The embedded bucket with uploads in it, and runners as processes beside it.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use clipset_bucket::{Bucket, BucketConfig, Jobs, StaticCredentials, Videos};
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey},
    settings::SettingsDocument,
    video::{Phase, Publication, Upload, Video},
};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::world::settings;

const KEY: &str = "clipset";
const SECRET: &str = "clipset-secret";
const BUCKET: &str = "clipset-test";

pub(crate) struct System {
    pub(crate) bucket: Bucket,
    pub(crate) videos: Videos,
    pub(crate) jobs: Jobs,
    endpoint: String,
    pub(crate) folder: TempDir,
}

impl System {
    pub(crate) async fn new(patch: serde_json::Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = clipset_local_bucket::Config {
            root: folder.path().join("bucket"),
            bucket: BUCKET.into(),
            access_key: KEY.into(),
            secret_key: SECRET.into(),
            anonymous_prefixes: vec![],
            reserve: clipset_local_bucket::Reserve::default(),
        };
        let server = clipset_local_bucket::Server::bind(config, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let endpoint = format!("http://{}", server.local_addr());
        tokio::spawn(server.serve(std::future::pending()));
        let config = BucketConfig {
            bucket: BUCKET.into(),
            endpoint: Some(endpoint.clone()),
            region: "us-east-1".into(),
            upload_url: None,
            credentials: Some(StaticCredentials { access_key: KEY.into(), secret_key: SECRET.into() }),
        };
        let bucket = Bucket::connect(&config).await;
        let (videos, jobs) = (Videos::new(bucket.clone()), Jobs::new(bucket.clone()));
        let system = Self { videos, jobs, bucket, endpoint, folder };
        system.choose(patch).await;
        system
    }

    pub(crate) async fn choose(&self, patch: serde_json::Value) {
        let document = SettingsDocument { settings: settings(patch), ..SettingsDocument::default() };
        self.bucket.put(&DocumentKey::Settings, &document).await.unwrap();
    }

    pub(crate) fn runner(&self, args: &[&str]) -> Child {
        self.runner_with(args, &[])
    }

    pub(crate) fn runner_with(&self, args: &[&str], env: &[(&str, &str)]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_clipset-transcoder"))
            .args(args)
            .env("BUCKET", BUCKET)
            .env("AWS_ENDPOINT_URL_S3", &self.endpoint)
            .env("AWS_ACCESS_KEY_ID", KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("TRANSCODER_NAME", "Test Runner")
            .env("TRANSCODER_SCRATCH", self.scratch())
            .envs(env.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    pub(crate) fn scratch(&self) -> std::path::PathBuf {
        self.folder.path().join("scratch")
    }

    /// As the API does it: the original is whole, then the video says so, then the job is there.
    pub(crate) async fn upload(&self, file: &Path) -> (ShortId, JobId) {
        self.upload_of("ada", file).await
    }

    /// The same by `owner`.
    pub(crate) async fn upload_of(&self, owner: &str, file: &Path) -> (ShortId, JobId) {
        let short_id = ShortId::random();
        let original = EncodeId::random();
        self.bucket.put_file(&MediaKey::Original(original), file).await.unwrap();
        let upload = Upload { original: Some(original), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let now = Timestamp::now();
        let mut video = Video::begin(short_id.clone(), owner.parse().unwrap(), "Clip".into(), upload, now);
        let job = Job::new(short_id.clone(), JobKind::First, 1, now).unwrap();
        video.complete_upload(std::fs::metadata(file).unwrap().len(), job.id.clone()).unwrap();
        self.videos.create(&video).await.unwrap();
        self.jobs.enqueue(&job).await.unwrap();
        (short_id, job.id)
    }

    pub(crate) async fn video(&self, id: &ShortId) -> Video {
        self.videos.get(id).await.unwrap().unwrap().value
    }

    pub(crate) async fn job(&self, id: &JobId) -> Option<Job> {
        self.jobs.get(id).await.unwrap()
    }

    /// The publication, once `wanted` holds of the video.
    pub(crate) async fn publication(&self, id: &ShortId, wanted: impl Fn(&Publication) -> bool) -> Publication {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let video = self.video(id).await;
            assert!(!matches!(video.phase, Phase::Failed { .. }), "{:?}", video.phase);
            if let Some(found) = video.publication.filter(&wanted) {
                return found;
            }
            assert!(Instant::now() < deadline, "not published");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// The job, once `wanted` holds of it.
    pub(crate) async fn job_until(&self, id: &JobId, wanted: impl Fn(&Job) -> bool) -> Job {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let job = self.job(id).await;
            if let Some(job) = job.clone().filter(&wanted) {
                return job;
            }
            assert!(Instant::now() < deadline, "{job:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) async fn ended(&self, id: &JobId) -> Job {
        self.job_until(id, Job::has_ended).await
    }

    /// The stream as a folder of files.
    pub(crate) async fn downloaded(&self, published: &Publication) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let stream = published.hls.as_ref().unwrap();
        let prefix = format!("hls/{}/", stream.encode);
        for key in self.bucket.keys(&prefix).await.unwrap() {
            let path = folder.path().join(key.strip_prefix(&prefix).unwrap());
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let (rendition, file) =
                key.strip_prefix(&prefix).unwrap().rsplit_once('/').unwrap_or(("", &key[prefix.len()..]));
            let rendition = (!rendition.is_empty()).then(|| rendition.parse().unwrap());
            self.bucket.download(&MediaKey::Segment(stream.encode, rendition, file.into()), &path).await.unwrap();
        }
        folder
    }

    /// A job leaves the queue right after its end.
    pub(crate) async fn queue_gets_empty(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.bucket.children("jobs/queue/").await.unwrap().is_empty() {
            assert!(Instant::now() < deadline, "the queue is not empty");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
