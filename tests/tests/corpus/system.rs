//! The embedded bucket with a runner beside it.

use std::{
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use clipset_bucket::{Jobs, Videos};
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey},
    settings::{Settings, SettingsDocument},
    video::{Phase, Upload, Video},
};
use clipset_tests::{
    process::Process,
    stack::{SECRET_KEY, program},
    stores::{self, Store},
    wait,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(240);

/// A bucket of a test's own. Its runner starts with the upload.
pub(crate) struct System {
    store: Store,
}

/// What became of an upload, its ladder included.
pub(crate) struct Outcome {
    /// The clip's name in the bucket.
    pub(crate) short_id: ShortId,
    /// Completed or failed.
    pub(crate) phase: Phase,
    /// The reasons of the first job.
    pub(crate) notes: Vec<String>,
    /// As the video's document says, seconds.
    pub(crate) duration: f64,
    /// The published stream as files.
    pub(crate) stream: Option<TempDir>,
}

impl System {
    /// With fast settings, and `patch` on top.
    pub(crate) async fn new(patch: &Value) -> Self {
        let store = stores::embedded().await;
        let fast = json!({"cpu_preset": "ultrafast", "cpu_crf": 16, "progressive_fallback": false});
        let settings = Settings::default().patched(fast.as_object().unwrap()).unwrap();
        let settings = settings.patched(patch.as_object().unwrap()).unwrap();
        let document = SettingsDocument { settings, ..SettingsDocument::default() };
        store.bucket.put(&DocumentKey::Settings, &document).await.unwrap();
        Self { store }
    }

    /// Uploads `file` as the API does, and waits until its jobs have ended.
    pub(crate) async fn outcome_of(&self, file: &Path) -> Outcome {
        let bucket = &self.store.bucket;
        let (videos, jobs) = (Videos::new(bucket.clone()), Jobs::new(bucket.clone()));
        let (short_id, original) = (ShortId::random(), EncodeId::random());
        bucket.put_file(&MediaKey::Original(original), file).await.unwrap();
        let upload = Upload { original: Some(original), upload_id: "u".into(), file_name: "clip".into() };
        let now = Timestamp::now();
        let mut video = Video::begin(short_id.clone(), "ada".parse().unwrap(), "Clip".into(), upload, now);
        let job = Job::new(short_id.clone(), JobKind::First, 1, now).unwrap();
        video.complete_upload(std::fs::metadata(file).unwrap().len(), job.id.clone()).unwrap();
        videos.create(&video).await.unwrap();
        jobs.enqueue(&job).await.unwrap();

        let scratch = tempfile::tempdir().unwrap();
        let _runner = self.runner(scratch.path());
        let first = wait::until("the first job to end", PATIENCE, async || {
            jobs.get(&job.id).await.unwrap().filter(Job::has_ended)
        });
        let first = first.await;
        // The job of the ladder is in the queue before the first one ends.
        wait::until("the queue to get empty", PATIENCE, async || jobs.queue().await.unwrap().is_empty().then_some(()))
            .await;
        let video = videos.get(&short_id).await.unwrap().unwrap().value;
        let published = video.publication.as_ref();
        Outcome {
            notes: first.notes,
            duration: published.map_or(0.0, |published| published.duration_seconds),
            stream: self.downloaded(&video).await,
            phase: video.phase,
            short_id,
        }
    }

    fn runner(&self, scratch: &Path) -> Process {
        let mut command = self.program("clipset-transcoder");
        Process::start(command.arg("watch").env("TRANSCODER_SCRATCH", scratch).env("TRANSCODER_NAME", "Corpus"))
    }

    /// The `clipset` command on this bucket, to its end.
    pub(crate) async fn clipset(&self, arguments: &[&str]) -> Output {
        let mut command = self.program("clipset");
        command.args(arguments).env("SECRET_KEY", SECRET_KEY);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    fn program(&self, name: &str) -> Command {
        let config = &self.store.config;
        let credentials = config.credentials.as_ref().unwrap();
        let mut command = Command::new(program(name));
        command.env("BUCKET", &config.bucket).env("AWS_ENDPOINT_URL_S3", config.endpoint.as_ref().unwrap());
        command.env("AWS_REGION", &config.region);
        command.env("AWS_ACCESS_KEY_ID", &credentials.access_key).env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
        command
    }

    async fn downloaded(&self, video: &Video) -> Option<TempDir> {
        let stream = video.publication.as_ref()?.hls.as_ref()?;
        let folder = tempfile::tempdir().unwrap();
        let prefix = format!("hls/{}/", stream.encode);
        for key in self.store.bucket.keys(&prefix).await.unwrap() {
            let name = key.strip_prefix(&prefix).unwrap();
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let (rendition, file) = name.rsplit_once('/').map_or((None, name), |(folder, file)| (Some(folder), file));
            let rendition = rendition.map(|rendition| rendition.parse().unwrap());
            self.store.bucket.download(&MediaKey::Segment(stream.encode, rendition, file.into()), &path).await.unwrap();
        }
        Some(folder)
    }
}
