//! Sources made by FFmpeg, and productions into a folder.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Once,
    time::Duration,
};

use bytes::Bytes;
use clipset_core::{id::EncodeId, key::MediaKey, settings::Settings};
use clipset_transcoder::{
    arguments::{Encoder, Recipe, Rendition},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    plan::{Picture, Plan},
    segments::{MediaStore, Production},
    source::examine,
};
use serde_json::json;
use tempfile::TempDir;

use crate::made::Made;

pub(crate) const ALLOWANCE: Allowance = Allowance { time: Duration::from_secs(60), file_size: 1 << 30, gpu: false };

/// Children are started through the binary, whose main knows how; ours is libtest's.
pub(crate) fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| clipset_child::use_launcher(env!("CARGO_BIN_EXE_clipset-transcoder")));
}

/// Settings for quick tests, with `patch` on top.
pub(crate) fn settings(patch: serde_json::Value) -> Settings {
    let quick = json!({"cpu_preset": "ultrafast", "cpu_crf": 28});
    let quick = Settings::default().patched(quick.as_object().unwrap()).unwrap();
    quick.patched(patch.as_object().unwrap()).unwrap()
}

/// Runs FFmpeg by hand, to make sources and to measure results.
pub(crate) fn ffmpeg(args: &[&str], folder: &Path) -> Output {
    let output = Command::new("ffmpeg")
        .args(["-v", "warning", "-nostdin", "-y"])
        .args(args)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub(crate) fn ffprobe(args: &[&str], file: &Path) -> String {
    let output = Command::new("ffprobe").args(["-v", "error", "-of", "csv=p=0"]).args(args).arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// One source file in a folder of its own.
pub(crate) struct Clip {
    pub(crate) folder: TempDir,
    pub(crate) file: PathBuf,
}

impl Clip {
    /// Made by FFmpeg with `args`, words with spaces between; `name` gives the container.
    pub(crate) fn made(name: &str, args: &str) -> Self {
        start();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(name);
        let mut words: Vec<&str> = args.split_whitespace().collect();
        words.push(name);
        ffmpeg(&words, folder.path());
        Self { folder, file }
    }

    /// Moving pictures of `size` at `rate` for `seconds` with a tone, then `codecs`.
    pub(crate) fn of(name: &str, size: &str, rate: &str, seconds: f64, codecs: &str) -> Self {
        let picture = format!("-f lavfi -i testsrc2=s={size}:r={rate}:d={seconds}");
        let sound = format!("-f lavfi -i sine=440:r=44100:d={seconds}");
        Self::made(name, &format!("{picture} {sound} -map 0:v -map 1:a -pix_fmt yuv420p {codecs}"))
    }

    /// Another file made of this one.
    pub(crate) fn then(&self, name: &str, before: &str, after: &str) -> Self {
        let input = self.file.to_str().unwrap();
        Self::made(name, &format!("{before} -i {input} {after}"))
    }

    pub(crate) async fn plan(&self, settings: &Settings) -> Result<Plan, Failure> {
        start();
        examine(&Tools::default(), &self.file, settings).await.map(|examined| examined.plan)
    }

    /// What the plan makes of it: the source's rendition alone if it is copied, as on the first publication.
    pub(crate) async fn produced(&self, settings: &Settings) -> Made {
        let plan = self.plan(settings).await.unwrap();
        let rungs = if plan.picture == Picture::Copy { 1 } else { plan.rungs.len() };
        self.produced_by(plan, settings, rungs).await.unwrap()
    }

    /// All sizes in one run, the first one copied if the plan says so.
    pub(crate) async fn ladder(&self, settings: &Settings) -> Made {
        let plan = self.plan(settings).await.unwrap();
        let rungs = plan.rungs.len();
        self.produced_by(plan, settings, rungs).await.unwrap()
    }

    pub(crate) async fn produced_by(&self, plan: Plan, settings: &Settings, rungs: usize) -> Result<Made, Failure> {
        self.produced_within(plan, settings, rungs, ALLOWANCE, 1 << 30).await
    }

    pub(crate) async fn produced_within(
        &self,
        plan: Plan,
        settings: &Settings,
        rungs: usize,
        allowance: Allowance,
        most_bytes: u64,
    ) -> Result<Made, Failure> {
        let store = FolderStore { root: self.folder.path().join("store") };
        let renditions = plan.rungs.iter().take(rungs).enumerate().map(|(n, rung)| Rendition {
            rung: rung.clone(),
            picture: if n == 0 { plan.picture } else { Picture::Encode },
        });
        let encode = EncodeId::random();
        let production = Production {
            tools: &Tools::default(),
            recipe: Recipe { plan: &plan, settings, encoder: Encoder::X264, renditions: renditions.collect() },
            folder: self.folder.path(),
            input: &self.file,
            allowance,
            most_bytes,
            encode,
            keep_best: false,
        };
        let produced = production.run(&store, |_| {}).await?;
        produced.store_playlists(&store).await?;
        let root = store.root.join(format!("hls/{encode}"));
        Ok(Made { plan, produced, root })
    }
}

/// A black clip of `seconds` with a white flash and a beep of a tenth of a second, one second after
/// its start and one before its end: words for [`Clip::made`], then what encodes it.
pub(crate) fn flashes(rate: &str, seconds: u32, picture: &str, sound: &str, codecs: &str) -> String {
    let during = |t: &str| format!("between({t}\\,1\\,1.099)+between({t}\\,{0}\\,{0}.099)", seconds - 1);
    let flash = format!("drawbox=c=white:t=fill:enable={}", during("t"));
    let beep = format!("aevalsrc=sin(2*PI*1000*t)*({}):s=48000:d={seconds}", during("t"));
    // One source for both: of two, FFmpeg would begin each at its own start.
    format!(
        "-f lavfi -i color=black:s=320x180:r={rate}:d={seconds},{flash}{picture}[out0];{beep}{sound}[out1] \
         -map 0:v -map 0:a -pix_fmt yuv420p {codecs}"
    )
}

/// Hashes of the decoded pictures of `file`.
pub(crate) fn pictures(file: &Path) -> Vec<String> {
    let output = ffmpeg(
        &["-i", file.to_str().unwrap(), "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
        Path::new("/"),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Media in a folder instead of a bucket.
#[derive(Clone)]
pub(crate) struct FolderStore {
    root: PathBuf,
}

impl FolderStore {
    fn place(&self, key: &MediaKey) -> PathBuf {
        let place = self.root.join(key.to_string());
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }
}

impl MediaStore for FolderStore {
    async fn put_file(&self, key: MediaKey, file: PathBuf) -> Result<(), Failure> {
        std::fs::copy(file, self.place(&key)).map(drop).map_err(|error| Failure::scratch(&error))
    }

    async fn put_bytes(&self, key: MediaKey, bytes: Bytes) -> Result<(), Failure> {
        std::fs::write(self.place(&key), bytes).map_err(|error| Failure::scratch(&error))
    }
}
