//! Making what a job publishes: as planned, or the next best way where that turns out not to work.

use std::{path::Path, pin::pin};

use clipset_core::{id::EncodeId, job::JobKind, key::MediaKey, settings::OutputFormat, video::HlsStream};

use crate::{
    arguments::{Encoder, Recipe, Rendition, mp4},
    failure::{DISK_FULL, Failure},
    messages::{said_of_gpu, speak_of_damage},
    phases::{FETCHED, PUBLISHED, Task},
    plan::{Origin, Picture, Plan},
    probe::probe,
    scratch::is_exhausted,
    segments::{MediaStore, Produced, Production},
    source::{INPUT, Source},
};

/// The MP4's name in the job's folder.
pub(crate) const MP4: &str = "progressive.mp4";

/// Which sizes of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// The first.
    Best,
    /// All of them, in one run.
    All,
}

/// What was made of a source and is about to be published.
pub(crate) struct Made {
    pub(crate) hls: Option<HlsStream>,
    pub(crate) progressive: Option<EncodeId>,
    pub(crate) duration: f64,
}

impl Task<'_> {
    /// What the settings want, from the source: as planned, and if that fails in the next best way.
    pub(crate) async fn make(&self, source: &mut Source, sizes: Sizes) -> Result<Made, Failure> {
        let failed = match self.make_as_planned(source, sizes).await {
            // A stream that cannot be repackaged may still be decoded.
            Err(Failure::NotCopyable(reason) | Failure::Permanent { reason, .. })
                if source.plan.picture == Picture::Copy =>
            {
                source.encode(&self.settings, &lower(&reason))?;
                self.fits(source).await?;
                None
            }
            Err(failure @ Failure::Permanent { .. }) if matches!(source.plan.video, Origin::Cover(_)) => {
                source.plan = source.plan.clone().without_cover(&self.settings);
                Some(failure)
            }
            other => return other,
        };
        self.held.note(source.plan.reasons.clone()).await?;
        // If it was not the cover, the first failure says more.
        self.make_as_planned(source, Sizes::All).await.map_err(|again| match again {
            Failure::Permanent { .. } => failed.unwrap_or(again),
            other => other,
        })
    }

    async fn make_as_planned(&self, source: &Source, sizes: Sizes) -> Result<Made, Failure> {
        let progressive = self.settings.video_output_format == OutputFormat::Progressive;
        let encodes = source.plan.picture == Picture::Encode || sizes == Sizes::All && source.plan.rungs.len() > 1;
        self.with_encoder(encodes, async |encoder| {
            if progressive { self.make_mp4(source, encoder).await } else { self.make_hls(source, encoder, sizes).await }
        })
        .await
        // What FFmpeg leaves on a full disk looks like a file that cannot be decoded.
        .map_err(|failure| match failure {
            ended @ (Failure::LeaseLost | Failure::Moot(_)) => ended,
            _ if is_exhausted(source.folder.path()) => Failure::NoSpace(DISK_FULL),
            other => other,
        })
    }

    /// Runs on the GPU, if something is encoded and the GPU is wanted and works; on the processor
    /// if it breaks down. A failing bucket or a full disk is not the GPU's fault.
    async fn with_encoder(
        &self,
        encodes: bool,
        run: impl AsyncFn(Encoder) -> Result<Made, Failure>,
    ) -> Result<Made, Failure> {
        let Self { inner, held, settings, .. } = self;
        if encodes && settings.use_gpu_transcoding {
            if inner.encoders.nvenc_works(settings).await {
                match run(Encoder::Nvenc).await {
                    Err(Failure::Permanent { reason, log } | Failure::Crashed { reason, log }) => {
                        inner.encoders.nvenc_failed(settings);
                        let why = said_of_gpu(&log).unwrap_or(&reason);
                        held.note(vec![format!("the GPU failed ({why}), so the processor encodes")]).await?;
                    }
                    Err(passing) => return Err(passing),
                    Ok(made) => {
                        held.note(vec!["encoded by the GPU".to_owned()]).await?;
                        return Ok(made);
                    }
                }
            } else {
                held.note(vec!["the GPU does not work on this runner, so the processor encodes".to_owned()]).await?;
            }
        }
        run(Encoder::X264).await
    }

    /// One run of FFmpeg with everything that it made stored, playlists last; published it is not yet.
    async fn make_hls(&self, source: &Source, encoder: Encoder, sizes: Sizes) -> Result<Made, Failure> {
        let (plan, inner) = (&source.plan, self.inner);
        let wanted = if sizes == Sizes::All { plan.rungs.len() } else { 1 };
        let renditions = plan.rungs.iter().take(wanted).enumerate().map(|(n, rung)| Rendition {
            rung: rung.clone(),
            picture: if n == 0 { plan.picture } else { Picture::Encode },
        });
        let encode = self.held.new_encode().await?;
        let production = Production {
            tools: &inner.config.tools,
            recipe: Recipe { plan, settings: &self.settings, encoder, renditions: renditions.collect() },
            folder: source.folder.path(),
            input: Path::new(INPUT),
            allowance: source.allowance(&self.settings, inner.config.longest, encoder == Encoder::Nvenc),
            most_bytes: source.most_bytes(),
            encode,
            // MP4 and storyboard are made of them; those of a copied clip are made of the upload.
            keep_best: plan.picture == Picture::Encode && self.held.job.kind != JobKind::Ladder,
        };
        let bucket = self.bucket();
        let told = |seconds| self.progress.within(FETCHED, PUBLISHED, seconds, plan.duration);
        let produced = match production.run(&bucket, told).await {
            Ok(produced) => produced,
            Err(failure) => {
                if matches!(failure, Failure::Permanent { .. } | Failure::NotCopyable(_)) {
                    // What another try leaves behind the sweep finds; this we know of now.
                    let _ = inner.bucket.remove_all(&format!("hls/{encode}/")).await;
                }
                return Err(failure);
            }
        };
        produced.store_playlists(&bucket).await?;
        let duration = produced.playlists.duration;
        self.note_damage(plan, duration, &produced.warnings).await?;
        let hls = HlsStream { encode, renditions: Produced::rendition_names(&produced) };
        Ok(Made { hls: Some(hls), progressive: None, duration })
    }

    /// The whole clip as one MP4.
    async fn make_mp4(&self, source: &Source, encoder: Encoder) -> Result<Made, Failure> {
        let (plan, inner) = (&source.plan, self.inner);
        let args = mp4(plan, &self.settings, encoder, Path::new(INPUT), MP4);
        let allowance = source.allowance(&self.settings, inner.config.longest, encoder == Encoder::Nvenc);
        let running = inner.config.tools.start(args, allowance, source.folder.path())?;
        let mut seconds = running.seconds();
        let mut end = pin!(running.end());
        let warnings = loop {
            tokio::select! {
                ended = &mut end => break ended?,
                Ok(()) = seconds.changed() => {
                    let done = *seconds.borrow_and_update();
                    self.progress.within(FETCHED, PUBLISHED, done, plan.duration);
                }
            }
        };
        let file = source.folder.path().join(MP4);
        let made = probe(&inner.config.tools, &file).await?;
        let encode = self.held.new_encode().await?;
        MediaStore::put_file(&self.bucket(), MediaKey::Progressive(encode), file).await?;
        let duration = made.format.duration.or(plan.duration).unwrap_or_default();
        self.note_damage(plan, duration, &warnings).await?;
        Ok(Made { hls: None, progressive: Some(encode), duration })
    }

    /// Of a file that broke off or is damaged, what could be decoded is published, and said to be so.
    async fn note_damage(&self, plan: &Plan, made: f64, warnings: &[String]) -> Result<(), Failure> {
        let note = cut_short(plan, made).or_else(|| {
            speak_of_damage(warnings)
                .then(|| "parts of the file are damaged; what could be decoded is published".to_owned())
        });
        match note {
            Some(note) => self.held.note(vec![note]).await,
            None => Ok(()),
        }
    }
}

/// A sentence as the end of another.
fn lower(sentence: &str) -> String {
    let mut rest = sentence.trim_end_matches('.').chars();
    rest.next().map_or_else(String::new, |first| first.to_lowercase().chain(rest).collect())
}

/// The note for a file that broke off.
fn cut_short(plan: &Plan, made: f64) -> Option<String> {
    let promised = plan.duration?;
    let short = made < promised * 0.9 && promised - made > 1.0;
    short.then(|| format!("the file says it has {promised:.1} s, and {made:.1} s of it could be decoded"))
}
