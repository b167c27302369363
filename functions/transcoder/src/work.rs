//! One job from its claim to its end.
//!
//! Every step may be the last before a kill, so each can be done again: objects go below a new
//! uuid that was noted before, one conditional write of the video's document publishes them, and
//! what a later attempt finds published it does not make again.

use std::{path::Path, sync::Arc};

use clipset_bucket::{Bucket, Jobs, SettingsStore, Videos};
use clipset_core::{
    Timestamp,
    id::EncodeId,
    job::{Job, JobKind, Lease, MAX_ATTEMPTS},
    key::MediaKey,
    settings::{OutputFormat, Renditions, Settings},
    video::{HlsStream, Publication, Video, retire_at},
};

use crate::{
    arguments::{Encoder, Recipe, Rendition, mp4},
    config::TranscoderConfig,
    encoders::Encoders,
    extras,
    failure::Failure,
    held::{Held, Progress},
    plan::{Picture, Plan},
    scratch::Scratch,
    segments::{MediaStore, Produced, Production},
    source::{INPUT, Source},
};

/// The MP4's name in the job's folder.
pub(crate) const MP4: &str = "progressive.mp4";

/// Progress at which the upload is on the local disk, and at which its stream is published.
const FETCHED: f64 = 0.1;
const PUBLISHED: f64 = 0.9;

/// Before a passing failure is tried again, times the attempt.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(3);

/// How a claimed job ended here.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It is done, or there was nothing left to do.
    Done,
    /// It failed for good, for this reason.
    Failed(String),
    /// It was given back: this runner stops, or the failure may pass.
    Released(String),
    /// Another runner has it, or the bucket is away and its lease will run out.
    Lost,
}

/// What jobs are done with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Worker {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) config: TranscoderConfig,
    pub(crate) bucket: Bucket,
    pub(crate) videos: Videos,
    pub(crate) jobs: Jobs,
    pub(crate) settings: SettingsStore,
    pub(crate) encoders: Encoders,
    scratch: Scratch,
}

/// What was made of a source and is about to be published.
struct Made {
    hls: Option<HlsStream>,
    progressive: Option<EncodeId>,
    duration: f64,
}

impl Worker {
    /// Connects to the bucket, and sweeps what killed runners left in the scratch folder.
    ///
    /// # Errors
    /// [`Failure::Passing`] if there is no scratch folder.
    pub async fn connect(config: TranscoderConfig) -> Result<Self, Failure> {
        let scratch = Scratch::open(&config.scratch)?;
        scratch.sweep();
        let bucket = Bucket::connect(&config.bucket).await;
        let inner = Inner {
            videos: Videos::new(bucket.clone()),
            jobs: Jobs::new(bucket.clone()),
            settings: SettingsStore::new(bucket.clone()),
            encoders: Encoders::new(config.tools.clone()),
            bucket,
            scratch,
            config,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The jobs of the bucket.
    pub fn jobs(&self) -> &Jobs {
        &self.inner.jobs
    }

    /// The name that leases are taken in.
    pub fn name(&self) -> &str {
        &self.inner.config.runner_name
    }

    /// Does the job, beats meanwhile, and records how it ended. `stop` gives it back at once.
    pub async fn run(&self, job: Job, lease: Lease, stop: impl Future<Output = ()>) -> Outcome {
        let id = job.id.clone();
        let attempt = lease.attempt();
        tracing::info!(job = %id, attempt, "begun");
        let held = Held::new(self.inner.jobs.clone(), self.inner.videos.clone(), job, lease);
        let progress = Progress::default();
        // Whichever ends first drops the others, and with them FFmpeg and every upload.
        let work = async {
            tokio::select! {
                lost = held.beat(&progress) => Err(lost),
                done = self.inner.phases(&held, &progress) => done,
            }
        };
        let mut stop = std::pin::pin!(stop);
        let result = tokio::select! {
            () = &mut stop => None,
            result = work => Some(result),
        };
        let outcome = match result {
            None => given_back(held.release(false).await, "this runner stops".to_owned()),
            Some(result) => settle(&held, &progress, result, stop).await,
        };
        tracing::info!(job = %id, attempt, ?outcome, "ended");
        outcome
    }
}

/// Records how the work came out.
async fn settle(
    held: &Held,
    progress: &Progress,
    result: Result<(), Failure>,
    stop: impl Future<Output = ()>,
) -> Outcome {
    let recorded = |recorded: Result<(), Failure>, outcome: Outcome| match recorded {
        Ok(()) => outcome,
        Err(error) => {
            tracing::warn!(job = %held.job.id, %error, "the end of the job could not be recorded");
            Outcome::Lost
        }
    };
    match result {
        Ok(()) => recorded(held.complete().await, Outcome::Done),
        Err(Failure::Moot(why)) => {
            let noted = held.note(vec![format!("ended early: {why}")]).await;
            recorded(noted.and(held.complete().await), Outcome::Done)
        }
        Err(Failure::LeaseLost) => Outcome::Lost,
        Err(Failure::Permanent { reason, log }) => recorded(held.fail(&reason, &log).await, Outcome::Failed(reason)),
        Err(Failure::Passing { reason, log }) if held.lease.attempt() >= MAX_ATTEMPTS => {
            recorded(held.fail(&reason, &log).await, Outcome::Failed(reason))
        }
        Err(Failure::Passing { reason, .. } | Failure::NotCopyable(reason)) => {
            tracing::warn!(job = %held.job.id, reason, "to be tried again");
            // Not at once: what failed now would fail again. The lease is held meanwhile.
            tokio::select! {
                () = tokio::time::sleep(PAUSE * held.lease.attempt()) => {}
                _ = held.beat(progress) => {}
                () = stop => {}
            }
            given_back(held.release(true).await, reason)
        }
    }
}

fn given_back(released: Result<(), Failure>, why: String) -> Outcome {
    match released {
        Ok(()) => Outcome::Released(why),
        Err(error) => {
            tracing::warn!(%error, "the job could not be given back; its lease will run out");
            Outcome::Lost
        }
    }
}

impl Inner {
    async fn phases(&self, held: &Held, progress: &Progress) -> Result<(), Failure> {
        let video = self.videos.update(&held.job.video, Video::start_processing).await?;
        let settings = self.settings.current().await?;
        match held.job.kind {
            JobKind::First => self.first(held, video, &settings, progress).await,
            JobKind::Ladder => self.ladder(held, video, &settings, progress).await,
            JobKind::Migrate => self.migrate(held, video, &settings, progress).await,
        }
    }

    /// An upload: published as soon as it can be, then its pictures and MP4, then the job of its ladder.
    async fn first(&self, held: &Held, video: Video, settings: &Settings, progress: &Progress) -> Result<(), Failure> {
        let mut source = self.source(held, &video, settings, progress).await?;
        let published = if published_by(&video, &held.job) {
            // An earlier attempt got as far as this.
            video
        } else {
            let made = match (settings.video_output_format, source.plan.picture) {
                (OutputFormat::Progressive, _) => self.make_mp4(held, &source, settings, progress).await?,
                (OutputFormat::Hls, Picture::Copy) => {
                    self.make_copy_or_encode(held, &mut source, settings, progress).await?
                }
                (OutputFormat::Hls, Picture::Encode) => self.make_hls(held, &source, settings, progress).await?,
            };
            self.publish(held, &source.plan, made).await?
        };
        progress.set(PUBLISHED);
        self.extras(held, &published, &source, settings).await?;
        self.ladder_follows(held, &published, &source, settings).await
    }

    /// The ladder of a clip that was published by copying: a second publication.
    async fn ladder(&self, held: &Held, video: Video, settings: &Settings, progress: &Progress) -> Result<(), Failure> {
        if published_by(&video, &held.job) {
            return Ok(());
        }
        if video.upload.original.is_none() {
            return Err(Failure::Moot("the upload was removed, so there is nothing to make a ladder from"));
        }
        let mut source = self.source(held, &video, settings, progress).await?;
        if source.plan.rungs.len() < 2 || settings.video_output_format != OutputFormat::Hls {
            return Err(Failure::Moot("one rendition is what the settings want now"));
        }
        let made = self.make_full(held, &mut source, settings, progress).await?;
        self.publish(held, &source.plan, made).await.map(drop)
    }

    /// An older video in the format that is wanted now, in one publication.
    async fn migrate(
        &self,
        held: &Held,
        video: Video,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<(), Failure> {
        let mut source = self.source(held, &video, settings, progress).await?;
        let published = if published_by(&video, &held.job) {
            video
        } else {
            let made = match settings.video_output_format {
                OutputFormat::Progressive => self.make_mp4(held, &source, settings, progress).await?,
                OutputFormat::Hls => self.make_full(held, &mut source, settings, progress).await?,
            };
            self.publish(held, &source.plan, made).await?
        };
        progress.set(PUBLISHED);
        self.extras(held, &published, &source, settings).await
    }

    async fn source(
        &self,
        held: &Held,
        video: &Video,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Source, Failure> {
        let original = video.upload.original.map(MediaKey::Original);
        let mp4 = || video.publication.as_ref().and_then(|published| published.progressive).map(MediaKey::Progressive);
        let key = original.or_else(mp4).ok_or_else(|| Failure::permanent("The uploaded file is no longer there."))?;
        let source = Source::fetch(&self.bucket, &key, &self.scratch, &self.config.tools, settings).await?;
        progress.set(FETCHED);
        held.note(source.plan.reasons.clone()).await?;
        Ok(source)
    }

    /// The source's own rendition by copying, which takes a moment; encoded if it turns out to be
    /// no stream that can be cut.
    async fn make_copy_or_encode(
        &self,
        held: &Held,
        source: &mut Source,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        let top = source.plan.rungs.iter().take(1);
        let copy = top.map(|rung| Rendition { rung: rung.clone(), picture: Picture::Copy }).collect();
        match self.produce(held, source, settings, Encoder::X264, copy, progress).await {
            Ok(produced) => Ok(made_hls(&produced)),
            // A stream that cannot be repackaged may still be decoded.
            Err(Failure::NotCopyable(reason) | Failure::Permanent { reason, .. }) => {
                self.encode_instead(held, source, settings, &reason, progress).await
            }
            Err(other) => Err(other),
        }
    }

    /// All renditions at once: the source's own copied where it qualifies.
    async fn make_full(
        &self,
        held: &Held,
        source: &mut Source,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        match self.make_hls(held, source, settings, progress).await {
            Err(Failure::NotCopyable(reason)) => self.encode_instead(held, source, settings, &reason, progress).await,
            other => other,
        }
    }

    async fn encode_instead(
        &self,
        held: &Held,
        source: &mut Source,
        settings: &Settings,
        reason: &str,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        source.plan = source.plan.clone().encoded(&source.probe, reason);
        held.note(source.plan.reasons.clone()).await?;
        self.make_hls(held, source, settings, progress).await
    }

    /// Every size of the plan, the first of them copied or encoded as it says, on the GPU if that is wanted and
    /// works; on the processor if it breaks down.
    async fn make_hls(
        &self,
        held: &Held,
        source: &Source,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        let plan = &source.plan;
        let renditions: Vec<Rendition> = plan
            .rungs
            .iter()
            .enumerate()
            .map(|(n, rung)| Rendition {
                rung: rung.clone(),
                picture: if n == 0 { plan.picture } else { Picture::Encode },
            })
            .collect();
        let gpu = settings.use_gpu_transcoding && self.encoders.nvenc_works(settings).await;
        if gpu {
            held.note(vec!["encoded by the GPU".to_owned()]).await?;
            match self.produce(held, source, settings, Encoder::Nvenc, renditions.clone(), progress).await {
                Ok(produced) => return Ok(made_hls(&produced)),
                Err(Failure::Permanent { reason, .. } | Failure::Passing { reason, .. }) => {
                    self.encoders.nvenc_failed(settings);
                    held.note(vec![format!("the GPU failed ({reason}), so the processor encodes")]).await?;
                }
                Err(other) => return Err(other),
            }
        } else if settings.use_gpu_transcoding {
            held.note(vec!["the GPU does not work on this runner, so the processor encodes".to_owned()]).await?;
        }
        let produced = self.produce(held, source, settings, Encoder::X264, renditions, progress).await?;
        Ok(made_hls(&produced))
    }

    /// One run of FFmpeg with everything that it made stored, playlists last; published it is not yet.
    async fn produce(
        &self,
        held: &Held,
        source: &Source,
        settings: &Settings,
        encoder: Encoder,
        renditions: Vec<Rendition>,
        progress: &Progress,
    ) -> Result<Produced, Failure> {
        let plan = &source.plan;
        let encode = held.new_encode().await?;
        let production = Production {
            tools: &self.config.tools,
            recipe: Recipe { plan, settings, encoder, renditions },
            folder: source.folder.path(),
            input: Path::new(INPUT),
            allowance: source.allowance(self.config.time_limit, encoder == Encoder::Nvenc),
            most_bytes: source.most_bytes(),
            encode,
            // The MP4 is made of them; that of a copied clip is made of the upload.
            keep_best: plan.picture == Picture::Encode
                && settings.progressive_fallback
                && held.job.kind != JobKind::Ladder,
        };
        let told = |seconds| progress.within(FETCHED, PUBLISHED, seconds, plan.duration);
        let produced = match production.run(&self.bucket, told).await {
            Ok(produced) => produced,
            Err(failure) => {
                if !matches!(failure, Failure::LeaseLost | Failure::Passing { .. }) {
                    // What another try leaves behind the sweep finds; this we know of now.
                    let _ = self.bucket.remove_all(&format!("hls/{encode}/")).await;
                }
                return Err(failure);
            }
        };
        produced.store_playlists(&self.bucket).await?;
        if let Some(note) = cut_short(plan, &produced) {
            held.note(vec![note]).await?;
        }
        Ok(produced)
    }

    async fn make_mp4(
        &self,
        held: &Held,
        source: &Source,
        settings: &Settings,
        progress: &Progress,
    ) -> Result<Made, Failure> {
        let plan = &source.plan;
        let wants_gpu = plan.picture == Picture::Encode && settings.use_gpu_transcoding;
        let gpu = wants_gpu && self.encoders.nvenc_works(settings).await;
        let encoder = if gpu { Encoder::Nvenc } else { Encoder::X264 };
        let args = mp4(plan, settings, encoder, Path::new(INPUT), MP4);
        let allowance = source.allowance(self.config.time_limit, gpu);
        let running = self.config.tools.start(args, allowance, source.folder.path())?;
        let mut seconds = running.seconds();
        let mut end = std::pin::pin!(running.end());
        loop {
            tokio::select! {
                ended = &mut end => { ended?; break; }
                Ok(()) = seconds.changed() => {
                    let done = *seconds.borrow_and_update();
                    progress.within(FETCHED, PUBLISHED, done, plan.duration);
                }
            }
        }
        let file = source.folder.path().join(MP4);
        let made = crate::probe::probe(&self.config.tools, &file).await?;
        let encode = held.new_encode().await?;
        MediaStore::put_file(&self.bucket, MediaKey::Progressive(encode), file).await?;
        let duration = made.format.duration.or(plan.duration).unwrap_or_default();
        Ok(Made { hls: None, progressive: Some(encode), duration })
    }

    /// Players get what was made from now on: the one conditional write.
    async fn publish(&self, held: &Held, plan: &Plan, made: Made) -> Result<Video, Failure> {
        let now = Timestamp::now();
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
        let until = retire_at(now, self.config.signature_life);
        let published = self.videos.update(&held.job.video, |video| video.publish(publication.clone(), until)).await?;
        tracing::info!(job = %held.job.id, video = %held.job.video, "published");
        Ok(published)
    }

    /// Pictures and the MP4 of what is published, as far as they are missing. Without them the clip
    /// plays all the same, so what cannot be made is noted and no failure.
    async fn extras(&self, held: &Held, video: &Video, source: &Source, settings: &Settings) -> Result<(), Failure> {
        let Some(published) = &video.publication else { return Ok(()) };
        if published.poster.is_none() {
            self.extra(held, extras::Kind::Poster, published, source, settings).await?;
        }
        if published.progressive.is_none() && published.hls.is_some() && settings.progressive_fallback {
            self.extra(held, extras::Kind::Mp4, published, source, settings).await?;
        }
        Ok(())
    }

    async fn extra(
        &self,
        held: &Held,
        kind: extras::Kind,
        published: &Publication,
        source: &Source,
        settings: &Settings,
    ) -> Result<(), Failure> {
        let making = extras::Making {
            tools: &self.config.tools,
            bucket: &self.bucket,
            source,
            settings,
            allowance: source.allowance(self.config.time_limit, false),
        };
        let file = match making.file(kind, published).await {
            Ok(file) => file,
            Err(Failure::Permanent { reason, .. }) => {
                return held.note(vec![format!("no {} could be made: {reason}", kind.word())]).await;
            }
            Err(other) => return Err(other),
        };
        let id = held.new_encode().await?;
        MediaStore::put_file(&self.bucket, kind.key(id), file).await?;
        let until = retire_at(Timestamp::now(), self.config.signature_life);
        self.videos.update(&held.job.video, |video| video.attach(kind.attached(id), until)).await?;
        Ok(())
    }

    /// A clip that was published by copying gets its lower sizes by a job of its own.
    async fn ladder_follows(
        &self,
        held: &Held,
        video: &Video,
        source: &Source,
        settings: &Settings,
    ) -> Result<(), Failure> {
        let single = video
            .publication
            .as_ref()
            .and_then(|published| published.hls.as_ref())
            .is_some_and(|stream| stream.renditions.is_empty());
        if !single || settings.renditions != Renditions::Ladder || source.plan.rungs.len() < 2 {
            return Ok(());
        }
        let number = held.job.id.as_str().rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(1);
        let ladder = Job::new(held.job.video.clone(), JobKind::Ladder, number, Timestamp::now());
        let ladder = ladder.map_err(|error| Failure::permanent(error.to_string()))?;
        Ok(self.jobs.enqueue(&ladder).await?)
    }
}

fn published_by(video: &Video, job: &Job) -> bool {
    video.publication.as_ref().is_some_and(|published| published.job == job.id)
}

fn made_hls(produced: &Produced) -> Made {
    let hls = HlsStream { encode: produced.encode, renditions: produced.rendition_names() };
    Made { hls: Some(hls), progressive: None, duration: produced.playlists.duration }
}

/// The note for a file that broke off: what could be decoded is published.
fn cut_short(plan: &Plan, produced: &Produced) -> Option<String> {
    let promised = plan.duration?;
    let made = produced.playlists.duration;
    let short = made < promised * 0.9 && promised - made > 1.0;
    short.then(|| format!("the file says it has {promised:.1} s, and {made:.1} s of it could be decoded"))
}
