//! What a job adds to the FFmpeg that it runs, and what one run for all sizes saves. Ratios of runs
//! beside each other, so that a slow machine slows both.
//!
//! `cargo build --release --bins && cargo bench --bench transcode` (ten minutes on two cores);
//! `-- encoding`, `-- ladder` or `-- repackaging` for one of the three.
#![allow(missing_docs)]

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use clipset_bucket::{BucketConfig, Jobs, Videos};
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey},
    settings::{Settings, SettingsDocument},
    signing::SignatureLife,
    video::{Upload, Video},
};
use clipset_tests::{
    measure::say,
    media::Clip,
    stack::program,
    stores::{self, Store},
};
use clipset_transcoder::{
    arguments::{Encoder, HLS_FOLDER, Recipe, Rendition, hls},
    config::{Pace, TranscoderConfig},
    ffmpeg::Tools,
    plan::{Picture, Plan},
    source::examine,
    work::{Outcome, Worker},
};

/// Wall time of a whole job beside that of its FFmpeg.
const JOB_LIMIT: f64 = 1.05;
/// Seconds that publication by copying may take beyond `-c copy`.
const COPY_LIMIT: f64 = 1.0;
const RUNS: usize = 3;
const PARTS: [&str; 3] = ["encoding", "ladder", "repackaging"];

struct Bench {
    store: Store,
    worker: Worker,
    folder: PathBuf,
}

#[tokio::main]
async fn main() {
    clipset_child::use_launcher(program("clipset-transcoder"));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = stores::embedded().await;
    let worker = Worker::connect(config(store.config.clone(), folder.path())).await.expect("a worker");
    let bench = Bench { store, worker, folder: folder.path().to_owned() };
    let clip = Clip { seconds: 60, width: 1280, height: 720, keyframes_every: 60 };
    let copyable = clip.make(folder.path(), "copyable.mp4");
    let rare = Clip { keyframes_every: 250, ..clip }.make(folder.path(), "rare.mp4");
    let asked: Vec<String> = std::env::args().filter(|arg| PARTS.contains(&arg.as_str())).collect();
    for part in PARTS.into_iter().filter(|part| asked.is_empty() || asked.iter().any(|asked| asked == part)) {
        match part {
            "encoding" => bench.encoding(&rare).await,
            "ladder" => bench.ladder(&rare).await,
            _ => bench.repackaging(&copyable).await,
        }
    }
}

fn config(bucket: BucketConfig, folder: &Path) -> TranscoderConfig {
    TranscoderConfig {
        bucket,
        signature_life: SignatureLife::new(43_200),
        scratch: folder.join("scratch"),
        runner_name: "bench".into(),
        tools: Tools::default(),
        longest: Duration::from_secs(3 * 86_400),
        pace: Pace::NEAR,
    }
}

impl Bench {
    async fn encoding(&self, clip: &Path) {
        say("60 s of 720p30, encoded as a ladder of three: the whole job beside its FFmpeg alone, seconds");
        let settings = Settings::default();
        let plan = self.plan(clip, &settings).await;
        assert_eq!(plan.picture, Picture::Encode, "{:?}", plan.reasons);
        let all = plan.rungs.len();
        let mut ratios = Vec::new();
        for _ in 0..RUNS {
            let bare = self.bare(clip, &plan, &settings, 0..all);
            let (_, job) = self.job(clip, &settings).await;
            say(&format!("  {job:>7.2} beside {bare:>7.2}: {:.3}", job / bare));
            ratios.push(job / bare);
        }
        let median = median(ratios);
        say(&format!("median {median:.3} (at most {JOB_LIMIT})"));
        assert!(median <= JOB_LIMIT, "a job costs too much beside its FFmpeg");
    }

    async fn ladder(&self, clip: &Path) {
        say("the ladder in one run beside one run for each size, seconds");
        let settings = Settings::default();
        let plan = self.plan(clip, &settings).await;
        let all = plan.rungs.len();
        let mut ratios = Vec::new();
        for _ in 0..RUNS {
            let together = self.bare(clip, &plan, &settings, 0..all);
            let apart: f64 = (0..all).map(|n| self.bare(clip, &plan, &settings, n..n + 1)).sum();
            say(&format!("  {together:>7.2} beside {apart:>7.2}: {:.3}", together / apart));
            ratios.push(together / apart);
        }
        say(&format!("median {:.3}", median(ratios)));
    }

    async fn repackaging(&self, clip: &Path) {
        say("the same with a key frame every 2 s, copied: until it is published beside `-c copy` alone, seconds");
        let settings = Settings::default();
        let plan = self.plan(clip, &settings).await;
        assert_eq!(plan.picture, Picture::Copy, "{:?}", plan.reasons);
        let mut beyond = Vec::new();
        for _ in 0..RUNS {
            let bare = self.bare(clip, &plan, &settings, 0..1);
            let (published, job) = self.job(clip, &settings).await;
            let more = published - bare;
            say(&format!(
                "  {published:>7.2} beside {bare:>7.2}: {more:+.2} (with poster, MP4 and storyboard {job:.2})"
            ));
            beyond.push(more);
        }
        let median = median(beyond);
        say(&format!("median {median:+.2} (at most {COPY_LIMIT:+.2})"));
        assert!(median <= COPY_LIMIT, "publication by copying takes too long");
    }

    async fn plan(&self, clip: &Path, settings: &Settings) -> Plan {
        examine(&Tools::default(), clip, settings).await.expect("a video").plan
    }

    /// FFmpeg alone with a job's own arguments, for these sizes of the plan.
    fn bare(&self, clip: &Path, plan: &Plan, settings: &Settings, sizes: std::ops::Range<usize>) -> f64 {
        let picture = |n: usize| if n == 0 { plan.picture } else { Picture::Encode };
        let renditions: Vec<Rendition> =
            sizes.map(|n| Rendition { rung: plan.rungs[n].clone(), picture: picture(n) }).collect();
        let folder = self.folder.join("bare");
        for rendition in &renditions {
            std::fs::create_dir_all(folder.join(HLS_FOLDER).join(rendition.rung.name.as_str())).expect("a folder");
        }
        let args: Vec<OsString> = hls(&Recipe { plan, settings, encoder: Encoder::X264, renditions }, clip);
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "error"]).args(args);
        let begun = Instant::now();
        let ended = command.current_dir(&folder).stdout(Stdio::null()).status().expect("ffmpeg runs");
        let seconds = begun.elapsed().as_secs_f64();
        assert!(ended.success());
        std::fs::remove_dir_all(folder).expect("removed");
        seconds
    }

    /// A whole job, claimed from the bucket: seconds until players get the clip, and until all is done.
    async fn job(&self, clip: &Path, settings: &Settings) -> (f64, f64) {
        let bucket = &self.store.bucket;
        let (videos, jobs) = (Videos::new(bucket.clone()), Jobs::new(bucket.clone()));
        let document = SettingsDocument { settings: settings.clone(), ..SettingsDocument::default() };
        bucket.put(&DocumentKey::Settings, &document).await.expect("stored");
        let (short_id, original, now) = (ShortId::random(), EncodeId::random(), Timestamp::now());
        bucket.put_file(&MediaKey::Original(original), clip).await.expect("stored");
        let upload = Upload { original: Some(original), upload_id: "u".into(), file_name: "clip.mp4".into() };
        let mut video = Video::begin(short_id.clone(), "ada".parse().expect("a name"), "Clip".into(), upload, now);
        let job = Job::new(short_id.clone(), JobKind::First, 1, now).expect("a job");
        let bytes = std::fs::metadata(clip).expect("a file").len();
        video.complete_upload(bytes, job.id.clone()).expect("uploading");
        videos.create(&video).await.expect("stored");
        jobs.enqueue(&job).await.expect("stored");

        let (begun, begun_at) = (Instant::now(), Timestamp::now());
        let (job, lease) = jobs.claim(&job.id, self.worker.name()).await.expect("it waits");
        let outcome = self.worker.run(job, lease, None, std::future::pending()).await;
        let done = begun.elapsed().as_secs_f64();
        assert_eq!(outcome, Outcome::Done);
        // Its document tells: whoever looked every moment would take from FFmpeg what it counts.
        let found = videos.get(&short_id).await.expect("readable").expect("a video");
        let published = found.value.publication.expect("published").at.duration_since(begun_at).as_secs_f64();
        (published, done)
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
