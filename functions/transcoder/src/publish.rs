//! The conditional writes by which players get what was made.

use clipset_bucket::{Bucket, UpdateError};
use clipset_check::Report;
use clipset_core::{
    job::JobKind,
    video::{HlsStream, Publication, Video, retire_at},
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    extras::{Kind, Making},
    failure::Failure,
    held::Progress,
    make::Made,
    phases::Task,
    plan::{Picture, Plan},
    segments::MediaStore,
    source::Source,
};

/// Checks the stream as the bucket has it, by memory alone: the job's folder may have filled the disk. Whoever drops this ends
/// the check with its next question.
async fn checked(bucket: &Bucket, stream: &HlsStream) -> Result<Report, Failure> {
    let (ask, mut asked) = mpsc::channel::<(String, oneshot::Sender<Option<Vec<u8>>>)>(1);
    let check = tokio::task::spawn_blocking(move || {
        clipset_check::check_by(|name| {
            let (give, given) = oneshot::channel();
            ask.blocking_send((name.to_owned(), give)).ok()?;
            given.blocking_recv().ok().flatten()
        })
    });
    while let Some((name, give)) = asked.recv().await {
        // It is gone when the check broke off, which is told below.
        let _ = give.send(bucket.file_of(stream, &name).await?);
    }
    check.await.map_err(|error| Failure::passing(format!("the check of the stream broke off: {error}")))
}

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
        if published.hls.is_some() && source.plan.picture == Picture::Encode {
            // What follows is made of our own segments, and the disk has no room for a third copy.
            source.drop_upload().await;
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
        let report = checked(&self.inner.bucket, stream).await?;
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
            allowance: source.allowance(&self.settings, inner.config.longest, false),
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
