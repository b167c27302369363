//! The sizes that a picture is made in, and what each may cost.

use crate::{
    id::RenditionName,
    settings::{OutputFormat, Renditions, Settings},
};

/// The sizes of the ladder, lines of the short side.
pub const LADDER: [u32; 6] = [2160, 1440, 1080, 720, 480, 360];

/// Up to this short side one rendition does.
const SMALLEST: u32 = 360;

/// The longest side of an encoded picture: no common H.264 decoder or encoder in hardware takes more.
const LONGEST_SIDE: u32 = 4096;

/// One size of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// Names its folder: `720p`.
    pub name: RenditionName,
    /// Pixels, even.
    pub width: u32,
    /// Pixels, even.
    pub height: u32,
}

/// The sizes for a picture shown at `size`: the ladder below the source, never above it.
pub fn rungs(size: (u32, u32), settings: &Settings) -> Vec<Rung> {
    let top = top(size, settings);
    let single = settings.renditions == Renditions::Single
        || settings.video_output_format == OutputFormat::Progressive
        || top <= SMALLEST;
    // Below the size that is left of an odd one.
    let below = LADDER.into_iter().filter(|short| !single && *short < top & !1);
    [top].into_iter().chain(below).filter_map(|short| rung(size, short)).collect()
}

/// The source's size alone.
pub fn only(size: (u32, u32), settings: &Settings) -> Vec<Rung> {
    rung(size, top(size, settings)).into_iter().collect()
}

/// The short side of the best size.
fn top((width, height): (u32, u32), settings: &Settings) -> u32 {
    let (short, long) = (width.min(height), width.max(height));
    let by_long_side = (u64::from(short) * u64::from(LONGEST_SIDE) / u64::from(long.max(1))) as u32;
    let top = short.min(settings.max_resolution.short_side());
    if long > LONGEST_SIDE { top.min(by_long_side.max(2)) } else { top }
}

/// `size` brought to `short` lines of its short side.
fn rung((width, height): (u32, u32), short: u32) -> Option<Rung> {
    let source = width.min(height);
    let scaled = |side: u32| {
        let exact = f64::from(side) * f64::from(short) / f64::from(source);
        // 4:2:0 needs even sizes; a source's own odd line is dropped, not made up.
        if short == source { (side & !1).max(2) } else { ((exact / 2.0).round() as u32 * 2).max(2) }
    };
    let (width, height) = (scaled(width), scaled(height));
    let name = format!("{}p", width.min(height)).parse().ok()?;
    Some(Rung { name, width, height })
}

/// The most bits a second that an encoder may spend, where the clip is hard: constant quality alone
/// would make segments that no network carries.
pub fn max_rate(settings: &Settings, rung: &Rung, frame_rate: f64) -> u64 {
    /// 1080p30 at CRF 18.
    const BASE: f64 = 10e6;
    let pixels = f64::from(rung.width) * f64::from(rung.height) / (1920.0 * 1080.0);
    // Six steps of CRF are about a factor of two; bit rate grows slower than pixels and rate do.
    let quality = 2f64.powf((18.0 - f64::from(settings.cpu_crf.get())) / 6.0).clamp(0.4, 2.0);
    let rate = BASE * pixels.powf(0.8) * (frame_rate / 30.0).max(1.0).sqrt() * quality;
    (rate / 1000.0).round().max(300.0) as u64 * 1000
}
