//! A service over an embedded bucket, with clips that have an original and a stream.

use std::sync::Arc;

use clipset_bucket::{BucketConfig, StaticCredentials};
use clipset_core::{
    Timestamp,
    id::{EncodeId, JobId, ShortId},
    key::{DocumentKey, MediaKey, prefixes_of},
    signing::SignatureLife,
    video::{HlsStream, Publication, Upload, Video},
};
use clipset_events::{Plan, look, plan, sweep_at};
use clipset_local_bucket::Server;
use clipset_service::{Config, JobBackend, Secrets, Service};
use jiff::SignedDuration;
use tempfile::TempDir;

pub(crate) struct World {
    pub(crate) service: Arc<Service>,
    pub(crate) start: Timestamp,
    _folder: TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
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
            job_backend: JobBackend::Runner,
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
        Self { service: Service::new(config, Secrets::unknown()).await, start: Timestamp::now(), _folder: folder }
    }

    /// Media below `id`, which say that they are of `clip`.
    pub(crate) async fn put(&self, id: EncodeId, clip: Option<&ShortId>) {
        let bucket = &self.service.bucket;
        let bucket = clip.map_or_else(|| bucket.clone(), |clip| bucket.for_clip(clip));
        bucket.put_bytes(&MediaKey::Segment(id, None, "segment000.ts".into()), vec![1]).await.unwrap();
    }

    pub(crate) async fn stands(&self, id: EncodeId) -> bool {
        for prefix in prefixes_of(id) {
            if !self.service.bucket.keys(&prefix).await.unwrap().is_empty() {
                return true;
            }
        }
        false
    }

    /// A clip with an original and a stream.
    pub(crate) async fn published(&self) -> Video {
        let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let mut video = Video::begin(ShortId::random(), "ada".parse().unwrap(), "Clip".into(), upload, self.start);
        let job: JobId = format!("{}-first-1", video.short_id).parse().unwrap();
        video.complete_upload(1, job.clone()).unwrap();
        let hls = Some(HlsStream { encode: EncodeId::random(), renditions: vec![] });
        let (at, checked) = (self.start, None);
        let (progressive, poster, storyboard) = (None, None, None);
        let published = Publication {
            job,
            at,
            duration_seconds: 4.0,
            width: 2,
            height: 2,
            hls,
            progressive,
            poster,
            storyboard,
            checked,
        };
        video.publish(published, self.start).unwrap();
        for id in video.ids() {
            self.put(id, Some(&video.short_id)).await;
        }
        self.service.videos.create(&video).await.unwrap();
        video
    }

    /// A clip whose upload is complete, and whose job nobody wrote.
    pub(crate) async fn pending(&self) -> Video {
        let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let mut video = Video::begin(ShortId::random(), "ada".parse().unwrap(), "Clip".into(), upload, self.start);
        video.complete_upload(1, format!("{}-first-1", video.short_id).parse().unwrap()).unwrap();
        self.service.videos.create(&video).await.unwrap();
        video
    }

    pub(crate) async fn is_whole(&self, video: &Video) -> bool {
        for id in video.ids() {
            if !self.stands(id).await {
                return false;
            }
        }
        true
    }

    pub(crate) fn after(&self, hours: i64) -> Timestamp {
        self.start + SignedDuration::from_hours(hours)
    }

    /// One sweep a day from day `from` to day `to`.
    pub(crate) async fn days(&self, from: i64, to: i64) {
        for day in from..=to {
            sweep_at(&self.service, self.after(day * 24), false).await.unwrap();
        }
    }

    pub(crate) async fn planned(&self, day: i64) -> Plan {
        plan(&look(&self.service, self.after(day * 24), false).await.unwrap())
    }
}

pub(crate) fn key(video: &Video) -> DocumentKey {
    DocumentKey::Video(video.short_id.clone())
}
