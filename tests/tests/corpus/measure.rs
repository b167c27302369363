//! Measuring by decoding: flashes, beeps, likeness. Never by what a container says of its start.

use std::{
    path::Path,
    process::{Command, Output},
};

use clipset_check::{mpegts::elementary::AdtsFrame, stream};

const SAMPLES: f64 = 48_000.0;
/// A beep begins where the sound is this part of its loudest.
const ONSET: f32 = 0.2;
/// Flashes and beeps are further apart than this, seconds.
const APART: f64 = 0.5;

/// Runs FFmpeg in `folder`; words are separated by spaces.
pub(crate) fn ffmpeg(folder: &Path, words: &[&str]) {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(words.iter().flat_map(|part| part.split_whitespace()));
    let output = command.current_dir(folder).output().expect("ffmpeg runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A published stream by its bytes: the best rendition.
pub(crate) struct Stream {
    pub(crate) size: (u32, u32),
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    pub(crate) sound: Option<AdtsFrame>,
    pub(crate) renditions: usize,
}

impl Stream {
    pub(crate) fn read(folder: &Path) -> Self {
        let stream = stream::Stream::read(folder);
        let best = &stream.renditions[0];
        let first = best.segments[0].contents.as_ref().unwrap();
        let seconds: f64 = best.segments.iter().map(|segment| segment.inf.duration).sum();
        Self {
            size: first.sps.as_ref().unwrap().size,
            rate: best.picture_seconds().map_or(1.0 / seconds, f64::recip),
            seconds,
            sound: best.present().find_map(|(_, _, contents)| Some(contents.sound?.frame)),
            renditions: stream.renditions.len(),
        }
    }
}

/// What was seen and heard when a file was decoded from its start to its end.
pub(crate) struct Played {
    /// Time and mean brightness (0 to 255) of every picture.
    pictures: Vec<(f64, f64)>,
    /// One channel at 48 kHz from time zero.
    sound: Vec<f32>,
    /// The loudest sample.
    pub(crate) level: f64,
    /// FFmpeg's, and that it failed.
    pub(crate) complaints: String,
}

/// Decodes all of `file`, `with_sound` both streams on one clock; `strictly`: the first error ends it.
pub(crate) fn play(file: &Path, strictly: bool, with_sound: bool) -> Played {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin"]).args(strictly.then_some("-xerror")).arg("-i").arg(file);
    let brightness = "scale=32:18:out_range=limited,format=gray,signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=/dev/fd/2";
    command.args(["-map", "0:v:0", "-vf", brightness, "-fps_mode", "passthrough", "-f", "null", "-"]);
    let samples = "aresample=48000:async=1:first_pts=0,pan=mono|c0=c0";
    if with_sound {
        command.args(["-map", "0:a:0", "-af", samples, "-f", "f32le", "pipe:1"]);
    }
    let Output { status, stdout, stderr } = command.output().expect("ffmpeg runs");
    let (mut pictures, mut complaints) = (Vec::new(), String::new());
    let mut time = 0.0;
    for line in String::from_utf8_lossy(&stderr).lines() {
        if let Some((_, text)) = line.strip_prefix("frame:").and_then(|line| line.split_once("pts_time:")) {
            time = text.trim().parse().unwrap();
        } else if let Some(text) = line.strip_prefix("lavfi.signalstats.YAVG=") {
            pictures.push((time, text.parse().unwrap()));
        } else {
            complaints.push_str(line);
        }
    }
    if !status.success() {
        complaints.push_str(" and it failed");
    }
    let sound: Vec<f32> = stdout.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    let level = sound.iter().fold(0.0_f32, |level, sample| level.max(sample.abs())).into();
    Played { pictures, sound, level, complaints }
}

impl Played {
    /// The median brightness: that of a picture which is no flash.
    pub(crate) fn usual_brightness(&self) -> f64 {
        let mut all: Vec<f64> = self.pictures.iter().map(|picture| picture.1).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    }

    /// For each flash the seconds from its first picture to the beginning of its beep.
    pub(crate) fn beeps_after_flashes(&self) -> Vec<f64> {
        let usual = self.usual_brightness();
        let brightest = self.pictures.iter().map(|picture| picture.1).fold(0.0, f64::max);
        let bright =
            self.pictures.iter().filter(|picture| picture.1 > (usual + brightest) / 2.0).map(|picture| picture.0);
        let loud = self.level as f32 * ONSET;
        let loud = self.sound.iter().enumerate().filter(|(_, sample)| sample.abs() > loud);
        let beeps = beginnings(loud.map(|(n, _)| n as f64 / SAMPLES));
        let nearest = |flash: f64| {
            let apart = beeps.iter().map(|beep| beep - flash);
            apart.min_by(|one, other| one.abs().total_cmp(&other.abs())).unwrap_or(f64::INFINITY)
        };
        beginnings(bright).into_iter().map(nearest).collect()
    }
}

/// The first of each group of times.
fn beginnings(times: impl Iterator<Item = f64>) -> Vec<f64> {
    let (mut firsts, mut last) = (Vec::new(), f64::NEG_INFINITY);
    for time in times {
        if time - last > APART {
            firsts.push(time);
        }
        last = time;
    }
    firsts
}

/// SSIM of the first, the middle and the last picture of `stream` with what `source` shows at that time, turned,
/// brought to `size` and put through `filters`. On a grid of a constant rate a picture is shown up to half a picture
/// late, so the one before counts too; whether the whole is in step is measured by flashes.
pub(crate) fn likeness(stream: &Path, source: &Path, size: (u32, u32), rate: f64, filters: &str) -> [f64; 3] {
    // Four tenths of a picture earlier, so that rounded time stamps do not show the picture before.
    let [at, before] = [0.4, -0.6].map(|pictures| likeness_at(stream, source, size, pictures / rate, filters));
    [0, 1, 2].map(|n| at[n].max(before[n]))
}

/// The same with the source moved by `earlier` seconds.
fn likeness_at(stream: &Path, source: &Path, size: (u32, u32), earlier: f64, filters: &str) -> [f64; 3] {
    let (width, height) = size;
    let same = format!(
        "scale={width}:{height}:flags=bicubic:out_color_matrix=bt709:out_range=limited,setsar=1,format=yuv420p"
    );
    let graph = format!(
        "[0:v:0]setpts=PTS-STARTPTS,{same}[a];[1:v:0]{filters},settb=1/90000,setpts=PTS-STARTPTS-{earlier}/TB,{same}[b];\
         [a][b]ssim=stats_file=/dev/fd/2[c]"
    );
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(stream).arg("-i").arg(source);
    command.args(["-filter_complex", &graph, "-map", "[c]", "-fps_mode", "passthrough", "-f", "null", "-"]);
    let output = command.output().expect("ffmpeg runs");
    let said = String::from_utf8_lossy(&output.stderr);
    let all: Vec<f64> = said
        .lines()
        .filter(|line| line.starts_with("n:"))
        .filter_map(|line| line.split("All:").nth(1)?.split_whitespace().next()?.parse().ok())
        .collect();
    assert!(!all.is_empty(), "nothing to compare: {said}");
    [all[0], all[all.len() / 2], all[all.len() - 1]]
}

/// Range, matrix, transfer and primaries that the best rendition declares.
pub(crate) fn colours(folder: &Path) -> String {
    let entries = "stream=color_range,color_space,color_transfer,color_primaries";
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "csv=p=0"]);
    let output = command.arg(folder.join("master.m3u8")).output().expect("ffprobe runs");
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().trim_end_matches(',').to_owned()
}
