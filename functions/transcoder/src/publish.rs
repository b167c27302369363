//! The conditional writes by which players get what was made.

use clipset_bucket::UpdateError;
use clipset_core::{
    job::JobKind,
    video::{Publication, Video, retire_at},
};

use crate::{
    extras::{Kind, Making},
    failure::Failure,
    held::Progress,
    make::Made,
    phases::Task,
    plan::Plan,
    segments::MediaStore,
    source::Source,
};

impl Task<'_> {
    /// Players get what was made from now on: the one conditional write.
    pub(crate) async fn publish(&self, plan: &Plan, made: Made) -> Result<Video, Failure> {
        let (held, now) = (self.held, self.inner.bucket.now());
        // A runner that lost its lease finds out here at the latest.
        held.beat_once(&Progress::default()).await?;
        let (width, height) = plan.rungs.first().map_or((0, 0), |rung| (rung.width, rung.height));
        let publication = Publication {
            job: held.job.id.clone(),
            at: now,
            duration_seconds: made.duration,
            width,
            height,
            hls: made.hls,
            progressive: made.progressive,
            poster: None,
            storyboard: None,
            checked: None,
        };
        let until = retire_at(now, self.inner.config.signature_life);
        // The MP4 of a video that moves to HLS stays as its fall-back, unless nobody wants one.
        let drop_fallback = held.job.kind == JobKind::Migrate && !self.settings.progressive_fallback;
        let publish = |video: &mut Video| {
            video.publish(publication.clone(), until)?;
            if drop_fallback { video.drop_fallback(until) } else { Ok(()) }
        };
        let published = self.inner.videos.update(&held.job.video, publish).await?;
        tracing::info!(job = %held.job.id, video = %held.job.video, "published");
        Ok(published)
    }

    /// Pictures and the MP4 of what is published, as far as they are missing. Without them the clip
    /// plays all the same, so what cannot be made is noted and no failure.
    pub(crate) async fn extras(&self, video: &Video, source: &Source) -> Result<(), Failure> {
        let Some(published) = &video.publication else { return Ok(()) };
        if published.poster.is_none() {
            self.extra(Kind::Poster, published, source).await?;
        }
        if published.progressive.is_none() && published.hls.is_some() && self.settings.progressive_fallback {
            self.extra(Kind::Mp4, published, source).await?;
        }
        if published.storyboard.is_none() && source.plan.has_moving_pictures() {
            self.extra(Kind::Storyboard, published, source).await?;
        }
        Ok(())
    }

    /// Where originals are not kept: reads the published stream from the bucket and notes that it passed its check, so
    /// that a sweep may remove the original. One that did not pass keeps it.
    pub(crate) async fn check(&self, published: &Video) -> Result<(), Failure> {
        let (Some(stream), Some(_)) = (published.stream(), published.upload.original) else { return Ok(()) };
        if self.settings.keep_originals {
            return Ok(());
        }
        let folder = self.inner.scratch.job_folder()?;
        self.inner.bucket.download_stream(stream, folder.path()).await?;
        let report = tokio::task::spawn_blocking(move || clipset_check::check(folder.path())).await;
        let report = report.map_err(|error| Failure::passing(format!("the check of the stream broke off: {error}")))?;
        let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
        if !broken.is_empty() {
            let note = format!("the original is kept, for the stream breaks these rules: {}", broken.join(", "));
            return self.held.note(vec![note]).await;
        }
        let encode = stream.encode;
        let passed =
            self.inner.videos.update(&published.short_id, |video| video.pass_check(encode, self.inner.bucket.now()));
        match passed.await {
            // Deleted, or published anew: its own check follows.
            Ok(_) | Err(UpdateError::Refused(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn extra(&self, kind: Kind, published: &Publication, source: &Source) -> Result<(), Failure> {
        let inner = self.inner;
        let making = Making {
            tools: &inner.config.tools,
            bucket: &inner.bucket,
            source,
            settings: &self.settings,
            allowance: source.allowance(&self.settings, inner.config.time_limit, false),
        };
        let files = match making.files(kind, published).await {
            Ok(files) => files,
            Err(Failure::Permanent { reason, .. }) => {
                return self.held.note(vec![format!("no {} could be made: {reason}", kind.word())]).await;
            }
            Err(other) => return Err(other),
        };
        let id = self.held.new_encode().await?;
        for file in files {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            MediaStore::put_file(&self.bucket(), kind.key(id, name), file).await?;
        }
        let until = retire_at(inner.bucket.now(), inner.config.signature_life);
        inner.videos.update(&self.held.job.video, |video| video.attach(kind.attached(id), until)).await?;
        Ok(())
    }
}
