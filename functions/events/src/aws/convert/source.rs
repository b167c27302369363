//! What MediaConvert's probe says of a file, as far as the job's settings depend on it.

use aws_sdk_mediaconvert::types::{ProbeResult, TrackType, TransferCharacteristics, VideoProperties};

/// What the owner is told of a file that MediaConvert cannot read.
pub(super) const UNREADABLE: &str = "The file is damaged, or of a kind that MediaConvert does not read.";

/// A file with a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Source {
    /// Pixels as a player shows them: square, and turned.
    pub(super) shown: (u32, u32),
    /// Pictures a second.
    pub(super) frame_rate: f64,
    /// Whether there is sound.
    pub(super) sound: bool,
    /// Whether its colours are of a high dynamic range.
    pub(super) high_dynamic_range: bool,
}

/// Reads the probe's results; else says in a sentence for the owner why nothing can be made of the file.
pub(super) fn read(results: &[ProbeResult]) -> Result<Source, String> {
    let container = results.first().and_then(ProbeResult::container).ok_or(UNREADABLE)?;
    let of = |kind: TrackType| container.tracks().iter().filter(move |track| track.track_type() == Some(&kind));
    let sound = of(TrackType::Audio).next().is_some();
    let Some(video) = of(TrackType::Video).find_map(|track| track.video_properties()) else {
        return Err(match sound {
            true => "The file has sound and no picture, which MediaConvert does not make a video of.".to_owned(),
            false => UNREADABLE.to_owned(),
        });
    };
    let rate = video.frame_rate().and_then(|rate| Some((rate.numerator()?, rate.denominator()?)));
    let rate = rate.filter(|(_, den)| *den > 0).map(|(num, den)| f64::from(num) / f64::from(den));
    Ok(Source {
        shown: shown(video).ok_or(UNREADABLE)?,
        frame_rate: rate.filter(|rate| (1.0..=240.0).contains(rate)).unwrap_or(30.0),
        sound,
        high_dynamic_range: matches!(
            video.transfer_characteristics(),
            Some(TransferCharacteristics::Smpte2084 | TransferCharacteristics::AribB67)
        ),
    })
}

fn shown(video: &VideoProperties) -> Option<(u32, u32)> {
    let side = |pixels: Option<i32>| pixels.and_then(|pixels| u32::try_from(pixels).ok()).filter(|pixels| *pixels > 0);
    let (width, height) = (side(video.width())?, side(video.height())?);
    let aspect = video.sample_aspect_ratio().and_then(|ratio| Some((ratio.numerator()?, ratio.denominator()?)));
    let aspect = aspect.filter(|(_, den)| *den > 0).map_or(1.0, |(num, den)| f64::from(num) / f64::from(den));
    let aspect = if (0.1..=10.0).contains(&aspect) { aspect } else { 1.0 };
    let width = ((f64::from(width) * aspect).round() as u32).max(1);
    let turned = matches!(video.rotation(), Some(90 | 270));
    Some(if turned { (height, width) } else { (width, height) })
}
