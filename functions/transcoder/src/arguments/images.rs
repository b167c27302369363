//! Pictures to look at: the poster, and the sprites of the storyboard.

use std::{ffi::OsString, path::Path};

use super::{
    List,
    filters::{coloured, jpeg, plain, woven},
};
use crate::{
    plan::{Origin, Plan},
    storyboard::Layout,
};

/// As many key frames are compared for the poster, and no more decoded.
const COMPARED: u32 = 24;

/// Seconds of a clip that are looked through for a poster.
const LOOKED_THROUGH: u32 = 900;

/// Mean luma (16 is black): a title on black is about this bright.
const DARK: u32 = 32;

/// Entropy of the luma, 0 for one value everywhere, 1 for all of them as often: the sky, a wall and
/// a fade have more.
const UNIFORM: f64 = 0.2;

/// Where the poster is taken from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PosterFrom {
    /// Seconds from the clip's start.
    pub at: f64,
    /// Dark and uniform pictures are passed over; then there may be none, and no file is written.
    pub choosy: bool,
}

/// A JPEG of a telling key frame, at most 1280 wide.
pub fn poster(plan: &Plan, input: &Path, from: PosterFrom, output: &str) -> Vec<OsString> {
    let (width, height) = plan.rungs.first().map_or((1280, 720), |rung| (rung.width, rung.height));
    let shown = width.min(1280);
    let size = (shown & !1, (height * shown / width).max(2) & !1);
    let mut list = List(Vec::new());
    let mut filters = Vec::new();
    match plan.video {
        Origin::Plain => list.add(["-f", "lavfi", "-i", &plain(size, plan)]),
        Origin::Cover(_) => {
            list.read(input);
            filters = coloured(&plan.preparation, size);
        }
        Origin::Stream(_) => {
            // The key frame before `at` does as well, and may be the only one.
            list.add(["-noaccurate_seek", "-ss", &format!("{:.3}", from.at), "-t", &LOOKED_THROUGH.to_string()]);
            list.add(["-skip_frame", "nokey"]);
            list.read(input);
            filters.extend(woven(&plan.preparation));
            filters.extend(coloured(&plan.preparation, size));
            filters.push("format=yuv420p".to_owned());
            if from.choosy {
                filters.push(above("signalstats", "lavfi.signalstats.YAVG", f64::from(DARK)));
                filters.push(above("entropy", "lavfi.entropy.normalized_entropy.normal.Y", UNIFORM));
            }
            filters.push(format!("thumbnail={COMPARED}"));
        }
    }
    filters.push(jpeg(&plan.preparation.colours));
    list.map_picture(plan);
    list.add(["-vf", &filters.join(","), "-frames:v", "1", "-fps_mode", "passthrough", "-q:v", "3"]);
    list.add(["-max_error_rate", "1", "-map_metadata", "-1", "-f", "image2", "-update", "1", output]);
    list.0
}

/// The sprites of `layout` from the key frames of the upload, or of a local `playlist` of ours,
/// as JPEGs that `output` names with `%d`, from 0.
pub fn storyboard(plan: &Plan, input: &Path, playlist: Option<&str>, layout: &Layout, output: &str) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.add(["-skip_frame", "nokey"]);
    let size = (layout.width, layout.height);
    // In every interval its last key frame, else the one before.
    let mut filters = vec![format!("fps=1000/{}:start_time=0:round=down:eof_action=pass", layout.interval_ms)];
    if let Some(playlist) = playlist {
        list.read_playlist(playlist);
        list.add(["-map", "0:v:0"]);
        filters.push(format!("scale={}:{}", size.0, size.1));
    } else {
        list.read(input);
        list.map_picture(plan);
        filters.extend(woven(&plan.preparation));
        filters.extend(coloured(&plan.preparation, size));
    }
    // The last key frame stands for the rest.
    filters.push(format!("setsar=1,format=yuv420p,tpad=stop_mode=clone:stop={}", layout.per_sprite()));
    filters.push(format!("tile={}x{}", layout.columns, layout.rows));
    filters.push(jpeg(&plan.preparation.colours));
    list.add(["-vf", &filters.join(","), "-frames:v", &layout.sprites.to_string(), "-fps_mode", "passthrough"]);
    list.add([
        "-max_error_rate",
        "1",
        "-q:v",
        "5",
        "-map_metadata",
        "-1",
        "-f",
        "image2",
        "-start_number",
        "0",
        output,
    ]);
    list.0
}

/// Lets a picture pass if the figure that `filter` finds under `key` is above `least`.
fn above(filter: &str, key: &str, least: f64) -> String {
    format!("{filter},metadata=select:key={key}:value={least}:function=greater")
}
