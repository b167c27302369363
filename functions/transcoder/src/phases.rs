//! What each kind of job does, phase by phase.

use clipset_bucket::Bucket;
use clipset_core::{
    job::{Job, JobKind},
    key::MediaKey,
    settings::{OutputFormat, Renditions, Settings},
    video::Video,
};

use crate::{
    failure::Failure,
    held::{Held, Progress},
    make::Sizes,
    plan::{Picture, of_bytes},
    source::Source,
    work::Inner,
};

/// Progress at which the upload is on the local disk, and at which its stream is published.
pub(crate) const FETCHED: f64 = 0.1;
pub(crate) const PUBLISHED: f64 = 0.9;

/// A job at work.
pub(crate) struct Task<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) held: &'a Held,
    pub(crate) settings: Settings,
    pub(crate) progress: &'a Progress,
    /// Seconds of work that the lane takes.
    pub(crate) most: Option<f64>,
}

impl<'a> Task<'a> {
    /// Does the job, whatever its kind.
    pub(crate) async fn run(
        inner: &'a Inner,
        held: &'a Held,
        progress: &'a Progress,
        most: Option<f64>,
    ) -> Result<(), Failure> {
        let known = inner.videos.get(&held.job.video).await?;
        if let Some(size) = known.and_then(|video| video.value.size_bytes) {
            // Before anything is said of it: a clip that waits for space stays one that waits.
            inner.scratch.make_sure_of(size)?;
        }
        let video = inner.videos.update(&held.job.video, Video::start_processing).await?;
        let settings = inner.settings.current().await?;
        let task = Task { inner, held, settings, progress, most };
        match held.job.kind {
            JobKind::First => task.first(video).await,
            JobKind::Ladder => task.ladder(video).await,
            JobKind::Migrate => task.migrate(video).await,
        }
    }

    /// For the media that are written: they say of which clip they are.
    pub(crate) fn bucket(&self) -> Bucket {
        self.inner.bucket.for_clip(&self.held.job.video)
    }

    /// An upload: published as soon as it can be, then its pictures and MP4, then the job of its ladder.
    async fn first(&self, video: Video) -> Result<(), Failure> {
        let mut source = self.source(&video).await?;
        let published = if published_by(&video, &self.held.job) {
            // An earlier attempt got as far as this.
            video
        } else {
            // A copy takes a moment; its ladder is a second publication.
            let sizes = if source.plan.picture == Picture::Copy { Sizes::Best } else { Sizes::All };
            let made = self.make(&mut source, sizes).await?;
            self.publish(&source.plan, made).await?
        };
        self.progress.set(PUBLISHED);
        self.extras(&published, &source).await?;
        self.check(&published).await?;
        self.ladder_follows(&published, &source).await
    }

    /// The ladder of a clip that was published by copying: a second publication.
    async fn ladder(&self, video: Video) -> Result<(), Failure> {
        if published_by(&video, &self.held.job) {
            return Ok(());
        }
        if video.upload.original.is_none() {
            return Err(Failure::Moot("the upload was removed, so there is nothing to make a ladder from"));
        }
        let mut source = self.source(&video).await?;
        if source.plan.rungs.len() < 2 || self.settings.video_output_format != OutputFormat::Hls {
            return Err(Failure::Moot("one rendition is what the settings want now"));
        }
        let made = self.make(&mut source, Sizes::All).await?;
        let published = self.publish(&source.plan, made).await?;
        self.check(&published).await
    }

    /// An older video in the format that is wanted now, in one publication.
    async fn migrate(&self, video: Video) -> Result<(), Failure> {
        let ours = published_by(&video, &self.held.job);
        if !ours && video.stream().is_some() {
            return Err(Failure::Moot("the video is HLS already"));
        }
        if !ours && self.settings.video_output_format != OutputFormat::Hls {
            return Err(Failure::Moot("HLS is not what the settings want now"));
        }
        if ours && source_key(&video).is_none() {
            // An earlier attempt published it and dropped the MP4 that it was made of.
            return self.check(&video).await;
        }
        let mut source = self.source(&video).await?;
        let published = if ours {
            video
        } else {
            let made = self.make(&mut source, Sizes::All).await?;
            self.publish(&source.plan, made).await?
        };
        self.progress.set(PUBLISHED);
        self.extras(&published, &source).await?;
        self.check(&published).await
    }

    async fn source(&self, video: &Video) -> Result<Source, Failure> {
        let key = source_key(video).ok_or_else(|| Failure::permanent("The uploaded file is no longer there."))?;
        let Inner { bucket, scratch, config, .. } = self.inner;
        // Before it is fetched: that alone may be more than the lane takes.
        self.expect(of_bytes(video.size_bytes.unwrap_or_default())).await?;
        let source = Source::fetch(bucket, &key, scratch, &config.tools, &self.settings).await?;
        self.progress.set(FETCHED);
        let mut notes = source.plan.reasons.clone();
        if let MediaKey::Progressive(_) = key {
            notes.insert(0, "made from the published MP4, for the upload was removed".to_owned());
        }
        self.held.note(notes).await?;
        self.fits(&source).await?;
        Ok(source)
    }

    /// Gives the job back if what is to be made of `source` is more work than the lane takes.
    pub(crate) async fn fits(&self, source: &Source) -> Result<(), Failure> {
        let copied = self.held.job.kind == JobKind::First && source.plan.picture == Picture::Copy;
        let sizes = if copied { 1 } else { source.plan.rungs.len() };
        self.expect(source.work_seconds(&self.settings, sizes)).await
    }

    async fn expect(&self, seconds: f64) -> Result<(), Failure> {
        match self.most {
            Some(most) if seconds > most => {
                self.held.expect_work(seconds).await?;
                Err(Failure::TooLong(seconds))
            }
            _ => Ok(()),
        }
    }

    /// A clip that was published by copying gets its lower sizes by a job of its own.
    async fn ladder_follows(&self, video: &Video, source: &Source) -> Result<(), Failure> {
        let single = video
            .publication
            .as_ref()
            .and_then(|published| published.hls.as_ref())
            .is_some_and(|stream| stream.renditions.is_empty());
        if !single || self.settings.renditions != Renditions::Ladder || source.plan.rungs.len() < 2 {
            return Ok(());
        }
        let Job { id, video, .. } = &self.held.job;
        let ladder = Job::new(video.clone(), JobKind::Ladder, id.number(), self.inner.bucket.now());
        let ladder = ladder.map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(self.inner.jobs.enqueue(&ladder).await?)
    }
}

/// What a video is made from: the upload, else the MP4 that was published.
fn source_key(video: &Video) -> Option<MediaKey> {
    let original = video.upload.original.map(MediaKey::Original);
    let mp4 = || video.publication.as_ref().and_then(|published| published.progressive).map(MediaKey::Progressive);
    original.or_else(mp4)
}

fn published_by(video: &Video, job: &Job) -> bool {
    video.publication.as_ref().is_some_and(|published| published.job == job.id)
}
