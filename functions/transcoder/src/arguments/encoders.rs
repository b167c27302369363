//! The options of the two encoders.

use std::ffi::OsString;

use clipset_core::{
    ladder::max_rate,
    settings::{RateControl, Settings},
};

use super::{Encoder, List};
use crate::{
    cuts::SEGMENT,
    plan::{Picture, Plan, Rung},
};

/// So many key frames lie in a segment of an encoded clip, the cuts included, for a seek waits for what lies between one and
/// its place.
const PIECES: f64 = 2.0;

/// No key frames but the forced ones; this many seconds are surely beyond the next one.
const BEYOND_A_SEGMENT: f64 = 10.0;

/// The kernel takes no single argument of 128 KiB or more (MAX_ARG_STRLEN, execve(2)).
pub(super) const LONGEST_ARGUMENT: usize = 120_000;

/// One real frame through the GPU with the options that a job would use.
pub fn nvenc_trial(settings: &Settings) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.add(["-f", "lavfi", "-i", "color=c=gray:s=640x360:r=30:d=0.1", "-frames:v", "1", "-pix_fmt", "yuv420p"]);
    list.nvenc(settings, 1.0, 0);
    list.add(["-f", "null", "-"]);
    list.0
}

/// The cuts as `-force_key_frames` takes them.
pub(super) fn key_frames(plan: &Plan) -> String {
    if plan.picture == Picture::Encode {
        // Less than a tick of the 90 kHz clock, against a multiple that is missed by a rounding.
        return format!("expr:gte(t+0.00001,n_forced*{})", SEGMENT / PIECES);
    }
    // Beside a copy, the key frames are the copy's. A quarter of a picture early: the first
    // picture at or after that is the one meant, however its time was rounded.
    let early = 0.25 / plan.frame_rate.max(1.0);
    let times: Vec<String> = plan.cuts.iter().map(|cut| format!("{:.3}", (cut - early).max(0.0))).collect();
    let list = times.join(",");
    match list.len() {
        // No cut but the start, which is a key frame by itself.
        0 => "0".to_owned(),
        // All of the source's key frames, of which the cuts are some: larger, and right.
        length if length > LONGEST_ARGUMENT => "source".to_owned(),
        _ => list,
    }
}

impl List {
    /// The `number`-th picture stream of the output, encoded for `rung`.
    pub(super) fn picture(&mut self, plan: &Plan, settings: &Settings, encoder: Encoder, rung: &Rung, number: usize) {
        match encoder {
            Encoder::X264 => self.x264(settings, max_rate(settings, rung, plan.frame_rate), number),
            Encoder::Nvenc => {
                let best = plan.rungs.first().unwrap_or(rung);
                let pixels = |rung: &Rung| f64::from(rung.width) * f64::from(rung.height);
                self.nvenc(settings, (pixels(rung) / pixels(best)).powf(0.8), number);
            }
        }
        let beyond = (plan.frame_rate * BEYOND_A_SEGMENT).ceil().max(1.0);
        self.of_stream("-g", number, &format!("{beyond:.0}"));
        self.of_stream("-force_key_frames", number, &key_frames(plan));
        self.of_stream("-fps_mode", number, "passthrough");
        if plan.preparation.rate.is_none() {
            // The times of the pictures as they are, not on a grid that a rate would make.
            self.of_stream("-enc_time_base", number, "1/90000");
        }
    }

    fn x264(&mut self, settings: &Settings, max_rate: u64, number: usize) {
        // CRF 0 is lossless, which High does not have.
        let crf = settings.cpu_crf.get().max(1).to_string();
        self.of_stream("-c", number, "libx264");
        self.of_stream("-preset", number, settings.cpu_preset.as_str());
        self.of_stream("-crf", number, &crf);
        self.of_stream("-maxrate", number, &max_rate.to_string());
        self.of_stream("-bufsize", number, &(max_rate * 2).to_string());
        self.of_stream("-profile", number, "high");
        self.of_stream("-sc_threshold", number, "0");
        self.of_stream("-forced-idr", number, "1");
    }

    /// NVENC's options, with `share` of the settings' bit rates: they are meant for the best size.
    fn nvenc(&mut self, settings: &Settings, share: f64, number: usize) {
        let rate = |bits: u64| ((bits as f64 * share / 1000.0).round().max(100.0) as u64 * 1000).to_string();
        let max = rate(settings.nvenc_max_bitrate.bits());
        let buffer = rate(settings.nvenc_buffer_size.bits());
        // To NVENC, 0 is "choose yourself".
        let quality = settings.nvenc_cq.get().max(1).to_string();
        self.of_stream("-c", number, "h264_nvenc");
        self.of_stream("-gpu", number, &settings.gpu_device_id.get().to_string());
        self.of_stream("-preset", number, settings.nvenc_preset.as_str());
        self.of_stream("-tune", number, "hq");
        self.of_stream("-rc", number, settings.nvenc_rate_control.as_str());
        match settings.nvenc_rate_control {
            RateControl::Vbr => {
                self.of_stream("-cq", number, &quality);
                self.of_stream("-b", number, "0");
                self.of_stream("-maxrate", number, &max);
                self.of_stream("-bufsize", number, &buffer);
            }
            RateControl::Cbr => {
                self.of_stream("-b", number, &max);
                self.of_stream("-maxrate", number, &max);
                self.of_stream("-bufsize", number, &buffer);
            }
            RateControl::Constqp => self.of_stream("-qp", number, &quality),
        }
        self.of_stream("-profile", number, "high");
        self.of_stream("-no-scenecut", number, "1");
        self.of_stream("-forced-idr", number, "1");
        self.of_stream("-bf", number, "2");
        // GPUs before Turing refuse B-pictures as references.
        self.of_stream("-b_ref_mode", number, "disabled");
    }
}
