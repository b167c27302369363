//! What stands against repackaging without encoding: decision 4 of the design.

use clipset_core::settings::{OutputFormat, Settings};

use super::{rate::HIGHEST, streams::Video};
use crate::{
    cuts::{LONGEST_COPIED, Pictures},
    probe::{Probe, Stream},
};

/// Of a file that was cut off while it was recorded or copied.
pub(crate) const BREAKS_OFF: &str = "the file breaks off before its end";

/// Seconds that a whole file may fall short of what it says.
const ROUNDING: f64 = 0.25;

/// As far as the probe result says.
pub(super) fn of_probe(chosen: &Video<'_>, probe: &Probe, settings: &Settings) -> Vec<String> {
    let Video { video, audio } = chosen;
    let mut against = of_picture(video, settings);
    let mut check = |holds: bool, words: &str| {
        if !holds {
            against.push(words.to_owned());
        }
    };
    if let Some(audio) = audio {
        let late = audio.start_time.unwrap_or_default() - video.start_time.unwrap_or_default();
        check(late > -1.0, "the picture starts more than a second after the sound");
        if let (Some(sound), Some(picture)) = (audio.end(), video.end()) {
            check(sound - picture < 1.0, "the sound goes on after the picture");
            let promised = probe.format.duration.map(|seconds| probe.format.start_time.unwrap_or_default() + seconds);
            let whole = promised.is_none_or(|promised| promised - sound.max(picture) < 1.0);
            check(whole, BREAKS_OFF);
        }
    }
    against
}

fn of_picture(video: &Stream, settings: &Settings) -> Vec<String> {
    let mut against = Vec::new();
    let mut check = |holds: bool, words: String| {
        if !holds {
            against.push(words);
        }
    };
    let is_h264 = video.codec_name == "h264";
    check(is_h264, format!("the picture is {}, not H.264", video.codec_name));
    let eight_bit = matches!(video.pix_fmt.as_str(), "yuv420p" | "yuvj420p");
    check(eight_bit, format!("its pixels are {}, not 8-bit 4:2:0", video.pix_fmt));
    let profile = if video.profile.is_empty() { "unknown" } else { video.profile.as_str() };
    let common = matches!(profile, "Constrained Baseline" | "Baseline" | "Main" | "High");
    check(!is_h264 || common, format!("its H.264 profile is {profile}"));
    check(!is_h264 || video.level <= 52, format!("its H.264 level is {}", f64::from(video.level) / 10.0));
    check(!video.is_interlaced(), "the picture is interlaced".into());
    // A decoder that has not seen a picture yet cannot say; then nobody can.
    let known = video.is_interlaced() || video.field_order == "progressive";
    check(!is_h264 || known, "the file does not say whether the picture is interlaced".into());
    let square = video.sample_aspect_ratio.value().is_none_or(|ratio| (ratio - 1.0).abs() < 1e-3);
    check(square, "its pixels are not square".into());
    check(video.rotation().is_none(), "the picture is rotated or flipped".into());
    check(video.high_dynamic_range().is_none(), "the picture has a high dynamic range".into());
    let rate = video.avg_frame_rate.value();
    check(rate.is_some_and(|rate| rate <= HIGHEST), "it has more than 60 pictures a second, or no known rate".into());
    let short = video.width.min(video.height);
    let most = settings.max_resolution.short_side();
    check(short <= most, format!("the settings allow {most} lines and the picture has {short}"));
    check(video.width.is_multiple_of(2) && video.height.is_multiple_of(2), "its size is odd".into());
    against
}

/// Its packets are torn, or end before the file says that it does.
fn ends_early(video: &Stream, pictures: &Pictures) -> bool {
    pictures.corrupt || video.end().is_some_and(|end| end - pictures.end > ROUNDING)
}

/// Whether the picture, stream `index` of `probe`, seems to break off.
pub(crate) fn breaks_off(probe: &Probe, index: u32, pictures: &Pictures) -> bool {
    probe.streams.iter().find(|stream| stream.index == index).is_some_and(|video| ends_early(video, pictures))
}

/// As far as the packets say.
pub(super) fn of_packets(video: &Stream, pictures: &Pictures, cuts: &[f64], settings: &Settings) -> Vec<String> {
    if pictures.count == 0 {
        let why = if pictures.disordered { "its pictures have no time stamps" } else { "no picture could be read" };
        return vec![why.to_owned()];
    }
    let mut against = Vec::new();
    if pictures.hidden {
        against.push("it was trimmed: an edit list hides pictures, which copying would show again".to_owned());
    }
    if pictures.disordered {
        against.push("its time stamps are missing or go back".to_owned());
    }
    if ends_early(video, pictures) {
        against.push(BREAKS_OFF.to_owned());
    }
    // An MP4 may be sought in at any picture; segments may not.
    if settings.video_output_format == OutputFormat::Hls {
        if pictures.leading {
            against.push("its GOPs are open: a segment could not be decoded by itself".to_owned());
        }
        let longest = pictures.longest(cuts);
        if longest > LONGEST_COPIED + 1e-3 {
            against.push(format!(
                "its key frames would make a segment of {longest:.1} s, more than {LONGEST_COPIED:.0} s"
            ));
        }
    }
    against
}
