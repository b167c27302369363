//! What a runner measured of its encoders (`jobs/runners/{name}.json`).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One runner's encoders, as it last measured them by encoding a real frame with each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EncoderReport {
    /// The runner.
    pub name: String,
    /// `h264_nvenc` encoded a frame.
    pub gpu_available: bool,
    /// The GPU's name, if it gave one.
    #[serde(default)]
    pub gpu_name: Option<String>,
    /// FFmpeg's names of the encoders that work, such as `libx264`.
    #[serde(default)]
    pub encoders: Vec<String>,
    /// When the runner tried its encoders.
    pub measured_at: Timestamp,
}
