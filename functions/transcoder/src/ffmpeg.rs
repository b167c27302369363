//! FFmpeg and ffprobe as children: their limits, their progress and their last words.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use clipset_child::{Child, ChildSpec, Finished, Limits, Output};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::ChildStdout,
    sync::watch,
    task::JoinHandle,
};

use crate::{
    failure::{DISK_FULL, Failure, speaks_of_space},
    messages::read_messages,
    scratch::is_exhausted,
};

/// The demuxers that an upload may be read by. Not among them: playlists, scripts and everything
/// else that opens further files or addresses (hls, dash, concat, image sequences, subtitles).
pub const FORMATS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,flv,asf,ogg,gif,mp3,\
    wav,w64,flac,aac,ac3,eac3,aiff,caf,amr,h264,hevc,m4v,mxf,dv,ivf";

/// The largest picture, pixels: a little above 8K.
pub const MAX_PIXELS: u64 = 40_000_000;

const GIB: u64 = 1 << 30;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Tools {
    /// `ffmpeg`, 5.1 or newer.
    pub ffmpeg: PathBuf,
    /// `ffprobe`.
    pub ffprobe: PathBuf,
}

impl Default for Tools {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}

/// What one run of FFmpeg may use.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Wall time.
    pub time: Duration,
    /// Bytes of the largest file it writes.
    pub file_size: u64,
    /// CUDA reserves more address space than any sensible limit.
    pub gpu: bool,
}

/// The options that stand before `-i` for everything uploaded: a local file, by a demuxer on the list.
pub fn input_safety() -> Vec<OsString> {
    ["-protocol_whitelist", "file,pipe", "-format_whitelist", FORMATS].map(OsString::from).to_vec()
}

impl Tools {
    /// Runs ffprobe to its end and answers what it wrote.
    ///
    /// # Errors
    /// A [`Failure`] if it cannot be run or takes too long; not if it ends with an error.
    pub async fn probe(&self, args: Vec<OsString>, time: Duration) -> Result<Finished, Failure> {
        let limits = Limits { address_space: Some(4 * GIB), file_size: Some(0), ..Limits::default() };
        let child = child(&self.ffprobe, args, limits).stdout(Output::Piped).stderr(Output::Piped).spawn()?;
        Ok(child.finish(time, 64 << 20).await?)
    }

    /// Starts ffprobe, whose standard output is read line by line.
    ///
    /// # Errors
    /// A [`Failure`] if it cannot be run.
    pub fn probe_lines(&self, args: Vec<OsString>) -> Result<(Child, BufReader<ChildStdout>), Failure> {
        let limits = Limits { address_space: Some(4 * GIB), file_size: Some(0), ..Limits::default() };
        let mut child = child(&self.ffprobe, args, limits).stdout(Output::Piped).spawn()?;
        let stdout = child.take_stdout().ok_or_else(|| Failure::passing("ffprobe has no output"))?;
        Ok((child, BufReader::new(stdout)))
    }

    /// Starts FFmpeg with `args` in `folder`, whose path is taken out of its messages.
    ///
    /// # Errors
    /// A [`Failure`] if it cannot be run.
    pub fn start(&self, args: Vec<OsString>, allowance: Allowance, folder: &Path) -> Result<Running, Failure> {
        // Threads and their arenas are address space too, so the limit grows with the processors.
        let processors = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
        let limits = Limits {
            address_space: (!allowance.gpu).then_some(12 * GIB + processors * GIB / 4),
            file_size: Some(allowance.file_size),
            ..Limits::default()
        };
        let head = ["-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "warning"];
        let progress = ["-progress", "pipe:1", "-stats_period", "0.5"];
        let args = head.iter().chain(&progress).map(OsString::from).chain(args);
        let mut child = child(&self.ffmpeg, args.collect(), limits)
            .cwd(folder)
            .stdout(Output::Piped)
            .stderr(Output::Piped)
            .spawn()?;
        let (told, seconds) = watch::channel(0.0);
        if let Some(stdout) = child.take_stdout() {
            tokio::spawn(read_progress(stdout, told));
        }
        let last_lines = Arc::new(Mutex::new(VecDeque::new()));
        let reader = child
            .take_stderr()
            .map(|stderr| tokio::spawn(read_messages(stderr, last_lines.clone(), folder.to_string_lossy().into())));
        Ok(Running { child, seconds, last_lines, reader, time: allowance.time, folder: folder.to_owned() })
    }

    /// Runs FFmpeg to its end, as [`Tools::start`].
    ///
    /// # Errors
    /// A [`Failure`] if it does not end well, with its last lines.
    pub async fn run(&self, args: Vec<OsString>, allowance: Allowance, folder: &Path) -> Result<(), Failure> {
        self.start(args, allowance, folder)?.end().await.map(drop)
    }
}

/// A running FFmpeg. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    seconds: watch::Receiver<f64>,
    last_lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
    time: Duration,
    folder: PathBuf,
}

impl Running {
    /// Seconds of output written so far.
    pub fn seconds(&self) -> watch::Receiver<f64> {
        self.seconds.clone()
    }

    /// Waits for a good end, within the allowance. Answers the last warnings.
    ///
    /// # Errors
    /// A [`Failure`] with FFmpeg's last lines.
    pub async fn end(mut self) -> Result<Vec<String>, Failure> {
        let status = self.child.wait_with_limit(self.time).await;
        if let Some(reader) = self.reader.take() {
            // The pipe is at its end now, unless a grandchild holds it; FFmpeg has none.
            let _ = tokio::time::timeout(Duration::from_secs(1), reader).await;
        }
        let lines: Vec<String> =
            self.last_lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        match status {
            Ok(status) if status.success() && !speaks_of_space(&lines) => Ok(lines),
            Ok(_) if is_exhausted(&self.folder) => Err(Failure::NoSpace(DISK_FULL)),
            Ok(status) => Err(Failure::of_ffmpeg(status, lines)),
            Err(error) => match Failure::from(error) {
                Failure::Permanent { reason, .. } => Err(Failure::Permanent { reason, log: lines }),
                other => Err(other),
            },
        }
    }
}

fn child(program: &Path, args: Vec<OsString>, limits: Limits) -> ChildSpec {
    // Nothing of the environment but what finds programs, libraries and a GPU: no key, no secret.
    let wanted = |name: &str| {
        matches!(name, "PATH" | "HOME" | "TMPDIR" | "LD_LIBRARY_PATH" | "LANG")
            || name.starts_with("CUDA_")
            || name.starts_with("NVIDIA_")
    };
    let kept = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(wanted));
    let spec = kept.fold(ChildSpec::new(program).clean_env(), |spec, (name, value)| spec.env(name, value));
    spec.env("MALLOC_ARENA_MAX", "4").env("AV_LOG_FORCE_NOCOLOR", "1").args(args).limits(limits).without_network()
}

async fn read_progress(stdout: ChildStdout, told: watch::Sender<f64>) {
    let mut lines = BufReader::new(stdout).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(seconds) = progress_seconds(&line) {
            told.send_replace(seconds);
        }
    }
}

/// The seconds in a line of `-progress`; FFmpeg writes `N/A` before the first packet.
fn progress_seconds(line: &str) -> Option<f64> {
    let microseconds: f64 = line.strip_prefix("out_time_us=")?.trim().parse().ok()?;
    Some(microseconds.max(0.0) / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_in_seconds() {
        assert_eq!(progress_seconds("out_time_us=1500000"), Some(1.5));
        assert_eq!(progress_seconds("out_time_us=-40000"), Some(0.0));
        assert_eq!(progress_seconds("out_time_us=N/A"), None);
        assert_eq!(progress_seconds("progress=end"), None);
    }
}
