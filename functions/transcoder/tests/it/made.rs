//! What a production made, and what is measured on it.

use std::path::{Path, PathBuf};

use clipset_core::playlist::MediaPlaylist;
use clipset_transcoder::{
    mpegts::{CLOCK, Contents},
    plan::Plan,
    segments::Produced,
};

use crate::world::{ffmpeg, ffprobe, pictures};

/// A stream in a folder, as it would stand in the bucket.
#[derive(Debug)]
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
