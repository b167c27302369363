//! Clips made on the fly with FFmpeg.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What a clip is to be like. The picture shows its own time; the sound is a tone.
#[derive(Debug, Clone, Copy)]
pub struct Clip {
    /// Seconds.
    pub seconds: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Pictures from one keyframe to the next.
    pub keyframes_every: u32,
}

/// Small, and with a keyframe every two seconds: it can be repackaged.
pub const COPYABLE: Clip = Clip { seconds: 20, width: 640, height: 360, keyframes_every: 60 };

impl Clip {
    /// Makes the clip: 30 pictures a second, H.264 and AAC in MP4.
    ///
    /// # Panics
    /// If FFmpeg cannot.
    pub fn make(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        let Self { seconds, width, height, keyframes_every } = self;
        let picture = format!("testsrc2=size={width}x{height}:rate=30:duration={seconds}");
        let sound = format!("sine=frequency=440:sample_rate=48000:duration={seconds}");
        let gop = keyframes_every.to_string();
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &sound]);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-bf", "2"]);
        command.args(["-g", &gop, "-keyint_min", &gop, "-sc_threshold", "0", "-flags", "+cgop"]);
        command.args(["-c:a", "aac", "-b:a", "128k", "-ac", "2", "-movflags", "+faststart", "-y"]).arg(&path);
        let made = command.output().expect("ffmpeg runs");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        path
    }
}

/// The MD5 of every decoded picture of the first video stream, in order.
///
/// # Panics
/// If FFmpeg warns of anything.
pub fn frame_hashes(input: &str) -> Vec<String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "warning", "-i", input, "-map", "0:v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    let decoded = command.output().expect("ffmpeg runs");
    let complaints = String::from_utf8_lossy(&decoded.stderr);
    assert!(decoded.status.success() && complaints.is_empty(), "{complaints}");
    let lines = String::from_utf8_lossy(&decoded.stdout).into_owned();
    let frames = lines.lines().filter(|line| !line.starts_with('#'));
    frames.filter_map(|line| line.rsplit(',').next()).map(|hash| hash.trim().to_owned()).collect()
}

/// Decodes everything of `input`, sound too.
///
/// # Panics
/// If FFmpeg warns of anything.
pub fn decodes_without_a_warning(input: &str) {
    let mut command = Command::new("ffmpeg");
    let decoded = command.args(["-v", "warning", "-i", input, "-f", "null", "-"]).output().expect("ffmpeg runs");
    let complaints = String::from_utf8_lossy(&decoded.stderr);
    assert!(decoded.status.success() && complaints.is_empty(), "{complaints}");
}
