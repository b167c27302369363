//! How much work a plan is: an estimate, for lanes and limits.

use clipset_core::settings::{OutputFormat, Settings};

use super::{LONGEST, Picture, Plan, Rung, Sound};
use crate::{packets::Contents, probe::Probe};

/// Pixels a second that x264 encodes with the preset `medium` on two processors (README, "Measured").
const ENCODED: f64 = 36e6;

/// The same picture again is encoded so much faster.
const STILL: f64 = 3.0;

/// Light is reckoned in floating point, which takes so much longer.
const TONE_MAPPED: f64 = 3.0;

/// Whatever its size, each picture takes this long, seconds.
const EACH_PICTURE: f64 = 1e-4;

/// Seconds of sound that are encoded in a second.
const SOUND: f64 = 150.0;

/// Bytes a second that are fetched, repackaged and stored.
const COPIED: f64 = 30e6;

/// Seconds of a copied clip that are looked through for its pictures in a second.
const LOOKED_THROUGH: f64 = 100.0;

/// Seconds that a file of `bytes` takes at least.
pub(crate) fn of_bytes(bytes: u64) -> f64 {
    bytes as f64 / COPIED
}

impl Plan {
    /// Seconds of work, about, for the first `sizes` of its renditions.
    pub fn work_seconds(&self, probe: &Probe, contents: &Contents, settings: &Settings, sizes: usize) -> f64 {
        let seconds = match contents.seconds(probe, self.played()) {
            // No packet has a time.
            0.0 => self.duration.unwrap_or(contents.pictures.count as f64 / self.frame_rate),
            seconds => seconds.min(LONGEST),
        };
        let sizes = if settings.video_output_format == OutputFormat::Progressive { 1 } else { sizes };
        let copies = usize::from(self.picture == Picture::Copy);
        let pixels: f64 = self.rungs.iter().take(sizes).skip(copies).map(pixels).sum();
        let mut pace = pace(settings.cpu_preset.as_str());
        if !self.has_moving_pictures() {
            pace /= STILL;
        }
        if self.preparation.tone_map.is_some() {
            pace *= TONE_MAPPED;
        }
        let each = if pixels > 0.0 { EACH_PICTURE + pixels * pace / ENCODED } else { 0.0 };
        let sound = if self.sound == Sound::Encode { seconds / SOUND * sizes as f64 } else { 0.0 };
        of_bytes(contents.bytes) + seconds / LOOKED_THROUGH + self.pictures(seconds, contents) * each + sound
    }

    /// Pictures that a rendition of `seconds` gets.
    fn pictures(&self, seconds: f64, contents: &Contents) -> f64 {
        if self.preparation.rate.is_none() {
            return contents.pictures.count as f64;
        }
        let paused: f64 = self.preparation.pauses.iter().map(|(from, to)| to - from).sum();
        (seconds - paused).max(0.0) * self.frame_rate + paused
    }
}

fn pixels(rung: &Rung) -> f64 {
    f64::from(rung.width) * f64::from(rung.height)
}

/// How long x264 takes with this preset, beside `medium`.
fn pace(preset: &str) -> f64 {
    match preset {
        "ultrafast" => 0.15,
        "superfast" => 0.25,
        "veryfast" => 0.4,
        "faster" => 0.6,
        "fast" => 0.8,
        "slow" => 1.6,
        "slower" => 3.0,
        "veryslow" => 6.0,
        _ => 1.0,
    }
}
