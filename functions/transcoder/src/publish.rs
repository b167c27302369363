//! The conditional writes by which players get what was made.

use clipset_core::{
    Timestamp,
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
        let (held, now) = (self.held, Timestamp::now());
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
        };
        let until = retire_at(now, self.inner.config.signature_life);
        let publish = |video: &mut Video| video.publish(publication.clone(), until);
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

    async fn extra(&self, kind: Kind, published: &Publication, source: &Source) -> Result<(), Failure> {
        let inner = self.inner;
        let making = Making {
            tools: &inner.config.tools,
            bucket: &inner.bucket,
            source,
            settings: &self.settings,
            allowance: source.allowance(inner.config.time_limit, false),
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
            MediaStore::put_file(&inner.bucket, kind.key(id, name), file).await?;
        }
        let until = retire_at(Timestamp::now(), inner.config.signature_life);
        inner.videos.update(&self.held.job.video, |video| video.attach(kind.attached(id), until)).await?;
        Ok(())
    }
}
