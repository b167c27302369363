//! What a stream tells players of its colours (ITU-T H.273), in FFmpeg's names.
//!
//! A stream that says nothing is taken for BT.709 or BT.601 by its size, by every player in its own
//! way: the 360 lines of a 1080-line source would change colour. So everything encoded says it.

use crate::probe::Stream;

/// What an encoded stream says of its colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Colours {
    /// From RGB to luma and chroma.
    pub matrix: String,
    /// What red, green and blue are.
    pub primaries: String,
    /// From light to value.
    pub transfer: String,
    /// What has to be done for that to be true.
    pub conversion: Conversion,
}

/// What has to be done to the values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Nothing.
    None,
    /// Only the matrix: the source is RGB, or has one that players do not know.
    Matrix,
    /// The wide gamut of BT.2020 to that of BT.709; its range of brightness is an ordinary one.
    Gamut,
}

const BT709: &str = "bt709";
/// BT.601, as NTSC has it.
const BT601: &str = "smpte170m";

impl Default for Colours {
    fn default() -> Self {
        Self::bt709(Conversion::None)
    }
}

impl Colours {
    fn bt709(conversion: Conversion) -> Self {
        Self { matrix: BT709.into(), primaries: BT709.into(), transfer: BT709.into(), conversion }
    }

    /// What is kept of `video`'s colours, and what is brought to BT.709.
    pub(super) fn of(video: &Stream) -> Self {
        let says = |text: &str| !matches!(text, "" | "unknown" | "reserved" | "unspecified");
        if video.high_dynamic_range().is_some() {
            return Self::bt709(Conversion::None);
        }
        if video.color_primaries == "bt2020" || video.color_space.starts_with("bt2020") {
            return Self::bt709(Conversion::Gamut);
        }
        let is_rgb = ["rgb", "bgr", "gbr", "pal8", "0rgb", "0bgr"].iter().any(|name| video.pix_fmt.contains(name));
        let matrix = match video.color_space.as_str() {
            _ if is_rgb => return Self::bt709(Conversion::Matrix),
            known @ (BT709 | BT601 | "bt470bg") => known,
            "gbr" | "" | "unknown" | "reserved" | "unspecified" if is_high_definition(video) => BT709,
            "gbr" | "" | "unknown" | "reserved" | "unspecified" => BT601,
            _ => return Self::bt709(Conversion::Matrix),
        };
        let usual = if matrix == BT709 { BT709 } else { BT601 };
        let or_usual = |text: &str| if says(text) { text.to_owned() } else { usual.to_owned() };
        Self {
            matrix: matrix.to_owned(),
            primaries: or_usual(&video.color_primaries),
            transfer: or_usual(&video.color_transfer),
            conversion: Conversion::None,
        }
    }

    /// The matrix as FFmpeg's scaler calls it.
    pub fn scaler_matrix(&self) -> &'static str {
        if self.matrix == BT709 { "bt709" } else { "bt601" }
    }
}

fn is_high_definition(video: &Stream) -> bool {
    video.width.max(video.height) >= 1280 || video.width.min(video.height) > 576
}
