//! The size that a picture is shown in; what it is made in is [`clipset_core::ladder`]'s.

pub use clipset_core::ladder::{LADDER, Rung};
pub(super) use clipset_core::ladder::{only, rungs};

use crate::probe::Stream;

/// Pixels as a player shows them: square, and turned.
pub(super) fn shown(video: &Stream) -> (u32, u32) {
    let ratio = video.sample_aspect_ratio.value().filter(|ratio| (0.1..=10.0).contains(ratio)).unwrap_or(1.0);
    let width = ((f64::from(video.width) * ratio).round() as u32).max(1);
    let turned = video.rotation().is_some_and(|degrees| (degrees.abs() % 180.0 - 90.0).abs() < 45.0);
    if turned { (video.height, width) } else { (width, video.height) }
}
