//! The runs that make what is played: HLS, and MP4.

use std::{ffi::OsString, path::Path};

use clipset_core::settings::Settings;

use super::{Encoder, List, Recipe, filters::graph};
use crate::{
    cuts::SEGMENT,
    plan::{LONGEST, Origin, Picture, Plan, Preparation, Rung, Sound},
};

/// The folder of an HLS run's output, relative to the job's folder; below it one folder per rendition.
pub const HLS_FOLDER: &str = "hls";

/// HLS of all renditions of `recipe` below [`HLS_FOLDER`], each with `playlist.m3u8` and
/// `segment000.ts` and so on, renamed into place when whole.
pub fn hls(recipe: &Recipe<'_>, input: &Path) -> Vec<OsString> {
    let Recipe { plan, settings, encoder, renditions } = recipe;
    let mut list = List::reading(input);
    let encoded: Vec<&Rung> =
        renditions.iter().filter(|r| r.picture == Picture::Encode).map(|rendition| &rendition.rung).collect();
    if !encoded.is_empty() {
        list.add(["-filter_complex", &graph(plan, &encoded)]);
    }
    let mut encoded_so_far = 0;
    for (number, rendition) in renditions.iter().enumerate() {
        if rendition.picture == Picture::Copy {
            list.copy_picture(plan, number);
        } else {
            list.add(["-map", &format!("[v{encoded_so_far}]")]);
            list.picture(plan, settings, *encoder, &rendition.rung, number);
            encoded_so_far += 1;
        }
        list.map_sound(plan);
    }
    list.sound(plan, settings);
    let with_sound = plan.sound != Sound::None;
    let streams: Vec<String> = renditions
        .iter()
        .enumerate()
        .map(|(n, rendition)| {
            let sound = if with_sound { format!(",a:{n}") } else { String::new() };
            format!("v:{n}{sound},name:{}", rendition.rung.name)
        })
        .collect();
    list.whatever_the_file_does();
    list.add(["-max_interleave_delta", &interleaved_within(plan).to_string()]);
    list.add(["-map_metadata", "-1", "-map_chapters", "-1", "-muxdelay", "0", "-muxpreload", "0"]);
    list.add(["-f", "hls", "-hls_time", &SEGMENT.to_string(), "-hls_list_size", "0", "-hls_playlist_type", "vod"]);
    list.add(["-hls_segment_type", "mpegts", "-hls_flags", "independent_segments+temp_file"]);
    list.add(["-var_stream_map", &streams.join(" ")]);
    list.add(["-hls_segment_filename", &format!("{HLS_FOLDER}/%v/segment%03d.ts")]);
    list.add([&format!("{HLS_FOLDER}/%v/playlist.m3u8")]);
    list.0
}

/// How long the muxer lets sound wait for the picture that belongs beside it, microseconds.
///
/// By itself it gives up after 10 s and writes what it has, and then the sound of minutes lies in one segment. Encoders
/// hold back up to `HELD_BACK` pictures, and what fills a pause is made only once the picture after it has been read.
fn interleaved_within(plan: &Plan) -> u64 {
    const HELD_BACK: f64 = 120.0;
    const AT_LEAST: f64 = 30.0;
    const AT_MOST: f64 = 7200.0;
    let Preparation { pauses, longest_pause, .. } = &plan.preparation;
    let apart = if pauses.is_empty() { 1.0 / plan.frame_rate } else { 1.0 };
    (1e6 * (longest_pause + HELD_BACK * apart).clamp(AT_LEAST, AT_MOST)) as u64
}

/// One MP4 at the best size, its index in front; the picture copied or encoded as the plan says.
pub fn mp4(plan: &Plan, settings: &Settings, encoder: Encoder, input: &Path, output: &str) -> Vec<OsString> {
    let mut list = List::reading(input);
    match plan.rungs.first() {
        Some(rung) if plan.picture == Picture::Encode => {
            list.add(["-filter_complex", &graph(plan, &[rung]), "-map", "[v0]"]);
            list.picture(plan, settings, encoder, rung, 0);
        }
        _ => list.copy_picture(plan, 0),
    }
    list.map_sound(plan);
    list.sound(plan, settings);
    list.whatever_the_file_does();
    list.mp4_to(output);
    list.0
}

/// A decode of one segment that we made, by its local name.
pub fn decode(segment: &str) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.add(["-protocol_whitelist", "file", "-err_detect", "explode", "-f", "mpegts", "-i", segment]);
    list.add(["-map", "0", "-f", "null", "-"]);
    list.0
}

/// One MP4 from a rendition that we made ourselves, by its local playlist.
pub fn mp4_of_playlist(playlist: &str, output: &str) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.read_playlist(playlist);
    list.add(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"]);
    list.mp4_to(output);
    list.0
}

impl List {
    fn copy_picture(&mut self, plan: &Plan, number: usize) {
        if let Origin::Stream(stream) = plan.video {
            self.add(["-map", &format!("0:{stream}"), &format!("-c:v:{number}"), "copy"]);
        }
    }

    /// Of a damaged file all that decodes is wanted, and time stamps may lead anywhere.
    fn whatever_the_file_does(&mut self) {
        self.add(["-max_error_rate", "1", "-t", &LONGEST.to_string(), "-max_muxing_queue_size", "4096"]);
    }

    fn mp4_to(&mut self, output: &str) {
        self.add(["-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4", output]);
    }
}
