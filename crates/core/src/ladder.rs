//! The ladder: which sizes a picture becomes, and what each may cost.

use crate::{
    id::RenditionName,
    settings::{OutputFormat, Renditions, Settings},
};

/// The sizes of the ladder, lines of the short side.
pub const LADDER: [u32; 6] = [2160, 1440, 1080, 720, 480, 360];

/// Up to this short side one rendition does.
const SMALLEST: u32 = 360;

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

/// The sizes for a picture shown at `width` x `height`: the ladder below the source, never above it.
pub fn rungs((width, height): (u32, u32), settings: &Settings) -> Vec<Rung> {
    let source = width.min(height);
    let top = source.min(settings.max_resolution.short_side());
    let single = settings.renditions == Renditions::Single
        || settings.video_output_format == OutputFormat::Progressive
        || top <= SMALLEST;
    // Below the size that is left of an odd one.
    let below = LADDER.into_iter().filter(|short| !single && *short < top & !1);
    let scaled = |side: u32, short: u32| {
        let exact = f64::from(side) * f64::from(short) / f64::from(source);
        // 4:2:0 needs even sizes; a source's own odd line is dropped, not made up.
        if short == source { (side & !1).max(2) } else { ((exact / 2.0).round() as u32 * 2).max(2) }
    };
    [top]
        .into_iter()
        .chain(below)
        .filter_map(|short| {
            let (width, height) = (scaled(width, short), scaled(height, short));
            let name = format!("{}p", width.min(height)).parse().ok()?;
            Some(Rung { name, width, height })
        })
        .collect()
}

/// The most bits a second that an encoder may spend, where the clip is hard: constant quality alone
/// would make segments that no network carries.
pub fn max_rate(settings: &Settings, rung: &Rung, frame_rate: f64) -> u64 {
    /// 1080p30 at CRF 18.
    const BASE: f64 = 10e6;
    let pixels = f64::from(rung.width) * f64::from(rung.height) / (1920.0 * 1080.0);
    // Six steps of CRF are about a factor of two; bit rate grows slower than pixels and rate do.
    let quality = 2f64.powf((18.0 - f64::from(settings.cpu_crf)) / 6.0).clamp(0.4, 2.0);
    let rate = BASE * pixels.powf(0.8) * (frame_rate / 30.0).max(1.0).sqrt() * quality;
    (rate / 1000.0).round().max(300.0) as u64 * 1000
}
