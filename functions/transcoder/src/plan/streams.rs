//! Which streams of a file are played, and which files have none that could be.

use super::Refusal;
use crate::{
    ffmpeg::MAX_PIXELS,
    probe::{Probe, Stream},
};

const MOST_STREAMS: u32 = 64;

/// A cover with a shorter side than this is an icon, pixels.
const SMALLEST_COVER: u32 = 64;

/// What is played of a file.
pub(super) enum Chosen<'a> {
    /// Moving pictures.
    Video(Video<'a>),
    /// Sound alone, with its cover if there is one.
    Sound { audio: &'a Stream, cover: Option<&'a Stream> },
}

/// The picture, and the sound if there is any.
#[derive(Clone, Copy)]
pub(super) struct Video<'a> {
    pub(super) video: &'a Stream,
    pub(super) audio: Option<&'a Stream>,
}

/// Of each kind the default stream, else the first.
pub(super) fn choose(probe: &Probe) -> Result<Chosen<'_>, Refusal> {
    if probe.format.nb_streams > MOST_STREAMS || probe.streams.len() > MOST_STREAMS as usize {
        return Err(Refusal(format!("The file has more than {MOST_STREAMS} streams, which is more than is taken.")));
    }
    let of_kind = |kind: &'static str, cover: bool| {
        let wanted =
            move |stream: &&Stream| stream.codec_type == kind && (stream.disposition.attached_pic != 0) == cover;
        probe.streams.iter().filter(wanted)
    };
    // `max_by_key` gives the last of equals.
    let best = |kind, cover| {
        let known = of_kind(kind, cover).filter(|stream| !stream.codec_name.is_empty());
        known.rev().max_by_key(|stream| stream.disposition.default)
    };
    let audio = best("audio", false).filter(|audio| audio.channels > 0);
    match (best("video", false), audio) {
        (Some(video), audio) => decodable(video).map(|()| Chosen::Video(Video { video, audio })),
        (None, _) if of_kind("video", false).next().is_some() => {
            Err(Refusal("The file's picture is of a kind that cannot be decoded.".into()))
        }
        (None, Some(audio)) => Ok(Chosen::Sound { audio, cover: best("video", true).filter(|cover| is_shown(cover)) }),
        (None, None) => Err(Refusal("The file has neither a picture nor sound that can be played.".into())),
    }
}

fn decodable(video: &Stream) -> Result<(), Refusal> {
    if video.width == 0 || video.height == 0 {
        return Err(Refusal("The file's picture has no size; it is damaged.".into()));
    }
    if pixels(video) > MAX_PIXELS {
        let (width, height) = (video.width, video.height);
        return Err(Refusal(format!("The picture has {width} x {height} pixels, which is more than is taken.")));
    }
    if video.side_data_list.iter().any(|data| data.dv_profile == Some(5)) {
        return Err(Refusal(
            "The file is Dolby Vision profile 5, whose colours only a licensed decoder shows; export it as HDR10 or SDR.".into(),
        ));
    }
    Ok(())
}

fn is_shown(cover: &Stream) -> bool {
    cover.width.min(cover.height) >= SMALLEST_COVER && pixels(cover) <= MAX_PIXELS
}

fn pixels(stream: &Stream) -> u64 {
    u64::from(stream.width) * u64::from(stream.height)
}
