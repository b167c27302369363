//! Sources made by FFmpeg, productions into a folder, and what is measured on them.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Once,
    time::Duration,
};

use bytes::Bytes;
use clipset_core::{id::EncodeId, key::MediaKey, playlist::MediaPlaylist, settings::Settings};
use clipset_transcoder::{
    arguments::{Encoder, Recipe, Rendition},
    failure::Failure,
    ffmpeg::{Allowance, Tools},
    mpegts::{CLOCK, Contents},
    plan::{Picture, Plan},
    segments::{MediaStore, Produced, Production},
    source::examine,
};
use serde_json::json;
use tempfile::TempDir;

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
        examine(&Tools::default(), &self.file, settings).await.map(|(_, plan)| plan)
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
            allowance: ALLOWANCE,
            most_bytes: 1 << 30,
            encode,
            keep_best: false,
        };
        let produced = production.run(&store, |_| {}).await?;
        produced.store_playlists(&store).await?;
        let root = store.root.join(format!("hls/{encode}"));
        Ok(Made { plan, produced, root })
    }
}

/// A stream in a folder, as it would stand in the bucket.
pub(crate) struct Made {
    pub(crate) plan: Plan,
    pub(crate) produced: Produced,
    pub(crate) root: PathBuf,
}

impl Made {
    pub(crate) fn master(&self) -> PathBuf {
        self.root.join("master.m3u8")
    }

    /// The folders that hold media playlists, with the playlists.
    pub(crate) fn playlists(&self) -> Vec<(PathBuf, MediaPlaylist)> {
        let names = self.produced.rendition_names();
        let single = (self.root.clone(), "master.m3u8");
        let several = names.iter().map(|name| (self.root.join(name.as_str()), "playlist.m3u8"));
        let all = if names.is_empty() { vec![single] } else { several.collect() };
        all.into_iter()
            .map(|(folder, name)| {
                let text = std::fs::read_to_string(folder.join(name)).unwrap();
                (folder, MediaPlaylist::parse(&text).unwrap())
            })
            .collect()
    }

    /// What must hold of everything that is published: IDR starts, true durations by ffprobe's
    /// count of pictures, and a decode of everything without a warning.
    pub(crate) fn is_sound(&self) {
        let picture = 1.0 / self.plan.frame_rate;
        for (folder, playlist) in self.playlists() {
            assert!(!playlist.segments.is_empty() && playlist.ended);
            let contents: Vec<Contents> = playlist
                .segments
                .iter()
                .map(|segment| Contents::read(&std::fs::read(folder.join(&segment.uri)).unwrap()))
                .collect();
            for (n, (segment, held)) in playlist.segments.iter().zip(&contents).enumerate() {
                assert!(held.starts_with_idr, "{n}");
                let next =
                    contents.get(n + 1).map_or(held.last as f64 / CLOCK + picture, |next| next.first as f64 / CLOCK);
                let lasts = next - held.first as f64 / CLOCK;
                assert!((segment.duration - lasts).abs() <= picture, "{n}: {} is {lasts}", segment.duration);
            }
            let target = playlist.target_duration() as f64;
            assert!(playlist.segments.iter().all(|segment| segment.duration.round() <= target));
            let name = if self.produced.rendition_names().is_empty() { "master.m3u8" } else { "playlist.m3u8" };
            let decoded = ffmpeg(&["-i", name, "-f", "null", "-"], &folder);
            assert_eq!(String::from_utf8_lossy(&decoded.stderr), "", "decoding warns");
        }
    }

    /// Every segment but the last is 4 s long, within one picture.
    pub(crate) fn is_cut_every_four_seconds(&self) {
        let picture = 1.0 / self.plan.frame_rate + 1e-4;
        for (_, playlist) in self.playlists() {
            let (last, others) = playlist.segments.split_last().unwrap();
            for segment in others {
                assert!((segment.duration - 4.0).abs() <= picture, "{}", segment.duration);
            }
            assert!(last.duration <= 4.0 + picture, "{}", last.duration);
        }
    }

    pub(crate) fn duration(&self) -> f64 {
        self.produced.playlists.duration
    }

    /// How far each beep of [`flashes`] comes after its flash, seconds.
    pub(crate) fn beeps_after_flashes(&self) -> Vec<f64> {
        let (folder, _) = &self.playlists()[0];
        let name = if self.produced.rendition_names().is_empty() { "master.m3u8" } else { "playlist.m3u8" };
        let filters = ["-vf", "signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-"];
        let silence = ["-af", "silencedetect=noise=-20dB:d=0.3", "-f", "null", "-"];
        let args: Vec<&str> = ["-v", "info", "-i", name].into_iter().chain(filters).chain(silence).collect();
        let output = ffmpeg(&args, folder);
        let (said, heard) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut flashes = Vec::new();
        let (mut time, mut bright) = (0.0, false);
        for line in said.lines() {
            if let Some((_, at)) = line.split_once("pts_time:") {
                time = at.trim().parse().unwrap();
            } else if let Some(luma) = line.strip_prefix("lavfi.signalstats.YAVG=") {
                let now = luma.parse::<f64>().unwrap() > 128.0;
                if now && !bright {
                    flashes.push(time);
                }
                bright = now;
            }
        }
        let beeps = heard.lines().filter_map(|line| line.split_once("silence_end: "));
        let beeps = beeps.map(|(_, rest)| rest.split_whitespace().next().unwrap().parse::<f64>().unwrap());
        // The silence after the last beep ends with the stream.
        let beeps: Vec<f64> = beeps.take(flashes.len()).collect();
        assert_eq!((flashes.len(), beeps.len()), (2, 2), "{flashes:?} {beeps:?}");
        beeps.iter().zip(&flashes).map(|(beep, flash)| beep - flash).collect()
    }

    /// The least SSIM of any picture of the best rendition beside the same picture of `source`,
    /// turned and scaled as a player shows it.
    pub(crate) fn least_ssim(&self, source: &Path) -> f64 {
        let rung = &self.plan.rungs[0];
        let reference = format!("scale={}:{}:out_range=limited,setsar=1,format=yuv420p", rung.width, rung.height);
        let rate = self.plan.preparation.rate.map(|rate| format!(",fps={rate}:start_time=0")).unwrap_or_default();
        let graph = format!("[1:v:0]{reference}{rate}[a];[0:v:0][a]ssim=stats_file=-");
        let (folder, _) = &self.playlists()[0];
        let name = if self.produced.rendition_names().is_empty() { "master.m3u8" } else { "playlist.m3u8" };
        let source = source.to_str().unwrap();
        let output = ffmpeg(&["-i", name, "-i", source, "-filter_complex", &graph, "-f", "null", "-"], folder);
        let said = String::from_utf8_lossy(&output.stdout);
        let all = said.lines().filter_map(|line| line.split_once("All:"));
        let all: Vec<f64> = all.map(|(_, rest)| rest.split(' ').next().unwrap().parse().unwrap()).collect();
        assert!(!all.is_empty(), "{said}");
        all.into_iter().fold(1.0, f64::min)
    }

    /// Hashes of the decoded pictures of the stream.
    pub(crate) fn pictures(&self) -> Vec<String> {
        pictures(&self.master())
    }

    /// Width and height by ffprobe, of the first rendition.
    pub(crate) fn size(&self) -> String {
        let (folder, playlist) = &self.playlists()[0];
        let entries = ["-select_streams", "v:0", "-show_entries", "stream=width,height"];
        ffprobe(&entries, &folder.join(&playlist.segments[0].uri)).lines().next().unwrap().to_owned()
    }

    /// When sound and picture end, seconds from the picture's start, by their packets.
    pub(crate) fn ends(&self) -> (f64, f64) {
        let (folder, playlist) = &self.playlists()[0];
        let file = |n: usize| folder.join(&playlist.segments[n].uri);
        let times = |n: usize, stream: &str| -> Vec<f64> {
            let text = ffprobe(&["-select_streams", stream, "-show_entries", "packet=pts_time"], &file(n));
            text.lines().filter_map(|line| line.trim_end_matches(',').parse().ok()).collect()
        };
        let end = |stream: &str| times(playlist.segments.len() - 1, stream).into_iter().fold(0.0, f64::max);
        let start = times(0, "v:0").into_iter().fold(f64::MAX, f64::min);
        (end("a:0") - start, end("v:0") - start)
    }
}

/// A black clip of `seconds` with a white flash and a beep of a tenth of a second, one second after
/// its start and one before its end: words for [`Clip::made`], then what encodes it.
pub(crate) fn flashes(rate: &str, seconds: u32, picture: &str, sound: &str, codecs: &str) -> String {
    let during = |t: &str| format!("between({t}\\,1\\,1.099)+between({t}\\,{0}\\,{0}.099)", seconds - 1);
    let flash = format!("drawbox=c=white:t=fill:enable={}", during("t"));
    let beep = format!("aevalsrc=sin(2*PI*1000*t)*({}):s=48000:d={seconds}", during("t"));
    format!(
        "-f lavfi -i color=black:s=320x180:r={rate}:d={seconds},{flash}{picture} -f lavfi -i {beep}{sound} \
         -map 0:v -map 1:a -pix_fmt yuv420p {codecs}"
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
