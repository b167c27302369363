//! A service over an embedded bucket in this process, with videos put there as a transcoder would.

use std::sync::Arc;

use clipset_core::{
    Timestamp,
    account::Role,
    id::{EncodeId, JobId, RenditionName, ShortId, Username},
    key::MediaKey,
    playlist::{MediaPlaylist, Segment},
    signing::{SignatureLife, SigningSecret},
    video::{HlsStream, Publication, Upload, Video},
};
use clipset_service::{Config, JobBackend, Secrets, Service};

use crate::{
    stack::{SECRET_KEY, SIGNING_SECRET},
    stores::{self, Store},
};

/// The service, and the store that it stands on.
pub struct World {
    /// As a function has it.
    pub service: Arc<Service>,
    /// Ends with the test.
    pub store: Store,
}

impl World {
    /// Signatures live `ttl` seconds.
    ///
    /// # Panics
    /// If the store does not start.
    pub async fn new(ttl: u64) -> Self {
        Self::over(stores::embedded().await, ttl).await
    }

    /// The same over `store`.
    pub async fn over(store: Store, ttl: u64) -> Self {
        let config = Config {
            signature_life: SignatureLife::new(ttl),
            public_url: "http://127.0.0.1:8080".into(),
            job_backend: JobBackend::Runner,
            tombstones: None,
            trusted_proxies: clipset_service::TrustedProxies::default(),
            task_disk: None,
            bucket: store.config.clone(),
        };
        Self { service: Service::new(config, secrets()).await, store }
    }

    /// An access token.
    ///
    /// # Panics
    /// If `name` is no username.
    pub fn token(&self, name: &str, role: Role) -> String {
        let name: Username = name.parse().expect("a username");
        self.service.tokens.access(&name, role, Timestamp::now().as_second(), 3600)
    }

    /// A video of `ada` whose upload is complete.
    ///
    /// # Panics
    /// If the bucket fails.
    pub async fn pending(&self, title: &str) -> Video {
        let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let owner = "ada".parse().expect("a username");
        let mut video = Video::begin(ShortId::random(), owner, title.to_owned(), upload, Timestamp::now());
        let job = job(&video.short_id, 1);
        video.complete_upload(1000, job).expect("uploading");
        let original = MediaKey::Original(video.upload.original.expect("an original"));
        self.service.bucket.put_bytes(&original, vec![1; 1000]).await.expect("stored");
        self.service.videos.create(&video).await.expect("stored");
        video
    }

    /// A video of `ada` that is published as `renditions` of `segments` segments each; one
    /// rendition without a name stands for itself.
    ///
    /// # Panics
    /// If the bucket fails.
    pub async fn published(&self, title: &str, renditions: &[&str], segments: usize) -> Video {
        let video = self.pending(title).await;
        self.publish_again(&video, renditions, segments, 1).await
    }

    /// Another publication of the same video by job `number`.
    ///
    /// # Panics
    /// If the bucket fails.
    pub async fn publish_again(&self, video: &Video, renditions: &[&str], segments: usize, number: u32) -> Video {
        let encode = EncodeId::random();
        let segment = |n: usize| Segment { duration: 4.0, uri: format!("segment{n:03}.ts"), pieces: Vec::new() };
        let playlist = MediaPlaylist { segments: (0..segments).map(segment).collect(), ended: true }.to_text(4);
        let names: Vec<RenditionName> = renditions.iter().map(|name| name.parse().expect("a name")).collect();
        let folders: Vec<_> = if names.is_empty() { vec![None] } else { names.iter().cloned().map(Some).collect() };
        let bucket = &self.service.bucket;
        for folder in folders {
            for n in 0..segments {
                let key = MediaKey::Segment(encode, folder.clone(), format!("segment{n:03}.ts"));
                bucket.put_bytes(&key, vec![0; 10]).await.expect("stored");
            }
            if let Some(name) = folder {
                let key = MediaKey::RenditionPlaylist(encode, name);
                bucket.put_bytes(&key, playlist.clone()).await.expect("stored");
            }
        }
        let lines: String =
            names.iter().map(|n| format!("#EXT-X-STREAM-INF:BANDWIDTH=1\n{n}/playlist.m3u8\n")).collect();
        let master = if names.is_empty() { playlist } else { format!("#EXTM3U\n{lines}") };
        bucket.put_bytes(&MediaKey::Master(encode), master).await.expect("stored");
        let publication = Publication {
            job: job(&video.short_id, number),
            at: Timestamp::now(),
            duration_seconds: 4.0 * segments as f64,
            width: 1280,
            height: 720,
            hls: Some(HlsStream { encode, renditions: names }),
            progressive: None,
            poster: None,
            storyboard: None,
            checked: None,
        };
        let until = Timestamp::now();
        let changed = self.service.videos.update(&video.short_id, |video| video.publish(publication.clone(), until));
        let changed = changed.await.expect("published");
        self.service.video_changed(&video.short_id);
        changed
    }
}

/// What the functions of a world sign with.
///
/// # Panics
/// Never: the secret is well-formed.
pub fn secrets() -> Secrets {
    Secrets {
        secret_key: SECRET_KEY.into(),
        secret_key_previous: None,
        signing_secret: SigningSecret::parse("HLS_SIGNING_SECRET", SIGNING_SECRET).expect("a secret"),
        origin: Vec::new(),
    }
}

fn job(short_id: &ShortId, number: u32) -> JobId {
    format!("{short_id}-first-{number}").parse().expect("a job id")
}
