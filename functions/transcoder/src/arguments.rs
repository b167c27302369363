//! FFmpeg's argument lists, from a plan and the settings. Pure: the same input gives the same list.
//!
//! Every run works in the job's own folder and names files relative to it, so that no path of the
//! runner is in a message, and none can be taken for an option or a protocol.

mod encoders;
mod filters;
mod images;
mod outputs;
mod sound;
#[cfg(test)]
mod tests;

pub use encoders::nvenc_trial;
pub use images::{PosterFrom, poster, storyboard};
pub use outputs::{HLS_FOLDER, decode, hls, mp4, mp4_of_playlist};

use std::{ffi::OsString, path::Path};

use clipset_core::settings::Settings;

use crate::{
    ffmpeg::{MAX_PIXELS, input_safety},
    plan::{Picture, Plan, Rung},
};

/// What encodes the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// libx264, on the processor.
    X264,
    /// NVENC, on the GPU of the settings.
    Nvenc,
}

/// One rendition of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Its size and folder.
    pub rung: Rung,
    /// Copied or encoded.
    pub picture: Picture,
}

/// One run of the hls muxer: all renditions from one decode.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// What was decided about the file.
    pub plan: &'a Plan,
    /// What was chosen.
    pub settings: &'a Settings,
    /// For the renditions that are encoded.
    pub encoder: Encoder,
    /// Best first.
    pub renditions: Vec<Rendition>,
}

/// A list in the making.
struct List(Vec<OsString>);

impl List {
    /// Begins with an upload as the input.
    fn reading(input: &Path) -> Self {
        let mut list = Self(Vec::new());
        list.read(input);
        list
    }

    fn add<const N: usize>(&mut self, args: [&str; N]) {
        self.0.extend(args.map(OsString::from));
    }

    /// An upload as an input: a local file, by a demuxer on the list, of pictures of bearable size.
    fn read(&mut self, input: &Path) {
        self.0.extend(input_safety());
        self.add(["-max_pixels", &MAX_PIXELS.to_string(), "-i"]);
        self.0.push(input.into());
    }

    /// A local playlist of ours as an input.
    fn read_playlist(&mut self, playlist: &str) {
        self.add(["-protocol_whitelist", "file", "-allowed_extensions", "ALL", "-f", "hls", "-i", playlist]);
    }

    /// An option of the `number`-th picture stream of the output.
    fn of_stream(&mut self, option: &str, number: usize, value: &str) {
        self.add([&format!("{option}:v:{number}"), value]);
    }
}
