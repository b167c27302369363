//! What becomes of a file, decided from its probe result and the settings alone, with reasons in words.

pub use clipset_core::ladder::{LADDER, Rung};
use clipset_core::{
    ladder::rungs,
    settings::{OutputFormat, Settings},
};

use crate::{
    cuts::{LONGEST_COPIED, Pictures},
    ffmpeg::MAX_PIXELS,
    probe::{Probe, Ratio, Stream},
};

/// No clip is longer, seconds. A time stamp that jumps by years would otherwise be filled with pictures.
pub const LONGEST: f64 = 24.0 * 3600.0;

const MOST_STREAMS: u32 = 64;
const HIGHEST_RATE: f64 = 60.5;

/// What is done with the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picture {
    /// Repackaged as it is.
    Copy,
    /// Encoded.
    Encode,
}

/// What is done with the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// There is none, and none is added.
    None,
    /// Repackaged as it is.
    Copy,
    /// Encoded as AAC.
    Encode,
}

/// How an encoded picture is brought to its size and colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preparation {
    /// Two fields per picture.
    pub deinterlace: bool,
    /// The rate to bring it to; `None` keeps every picture's own time.
    pub rate: Option<Ratio>,
    /// The transfer of a high dynamic range (FFmpeg's name), to be tone-mapped to BT.709.
    pub tone_map: Option<String>,
    /// Seconds for which the last picture stays, for sound that is longer.
    pub hold_last: Option<f64>,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The picture's stream in the file.
    pub video: u32,
    /// The sound's stream in the file.
    pub audio: Option<u32>,
    /// What is done with the picture.
    pub picture: Picture,
    /// What is done with the sound.
    pub sound: Sound,
    /// The sizes, best first; the first is the source's, or what the settings leave of it.
    pub rungs: Vec<Rung>,
    /// Pictures a second, for the playlist.
    pub frame_rate: f64,
    /// For what is encoded.
    pub preparation: Preparation,
    /// Samples a second of encoded sound.
    pub sample_rate: u32,
    /// Encoded sound has more channels than two to begin with.
    pub downmix: bool,
    /// Seconds, if the file says so.
    pub duration: Option<f64>,
    /// Where a copied picture is cut, seconds from the file's start.
    pub cuts: Vec<f64>,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// A file that nothing can be made of; the sentence is for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// The streams that are played: the picture, and the sound if there is any.
#[derive(Debug, Clone, Copy)]
struct Chosen<'a> {
    video: &'a Stream,
    audio: Option<&'a Stream>,
}

/// Whether the packets need to be read: nothing that the probe result says stands against repackaging.
pub fn may_be_copied(probe: &Probe, settings: &Settings) -> Option<u32> {
    let chosen = choose(probe).ok()?;
    obstacles(&chosen, settings).is_empty().then_some(chosen.video.index)
}

/// Decides. `pictures` are the packets, where [`may_be_copied`] asked for them.
///
/// # Errors
/// [`Refusal`] with a sentence for the owner.
pub fn plan(probe: &Probe, pictures: Option<&Pictures>, settings: &Settings) -> Result<Plan, Refusal> {
    let chosen = choose(probe)?;
    let Chosen { video, audio } = chosen;
    let duration = probe.format.duration.filter(|seconds| *seconds > 0.0);
    if duration.is_some_and(|seconds| seconds > LONGEST) {
        return Err(Refusal("The clip is longer than 24 hours, which is more than is taken.".into()));
    }
    let start = probe.format.start_time.unwrap_or_default();
    let mut against = obstacles(&chosen, settings);
    let mut cuts = Vec::new();
    match pictures {
        Some(pictures) if against.is_empty() => {
            let earliest = audio.and_then(|audio| audio.start_time).unwrap_or(pictures.first).min(pictures.first);
            let found = pictures.cuts(earliest);
            against.extend(packet_obstacles(pictures, &found, settings));
            // FFmpeg's clock begins at the file's start.
            cuts = found.into_iter().map(|cut| cut - start).collect();
        }
        None if against.is_empty() => against.push("its packets were not read".to_owned()),
        _ => {}
    }
    let picture = if against.is_empty() { Picture::Copy } else { Picture::Encode };
    if picture == Picture::Encode {
        cuts.clear();
    }
    let (sound, sound_reason) = sound(&chosen, picture);
    let reasons = reasons(&against, sound, &sound_reason);
    let (frame_rate, rate) = frame_rate(video);
    let hold_last = sound_beyond_picture(&chosen, probe);
    Ok(Plan {
        video: video.index,
        audio: audio.map(|audio| audio.index),
        picture,
        sound,
        rungs: rungs(shown_size(video), settings),
        frame_rate: if picture == Picture::Copy { copied_rate(video, pictures) } else { frame_rate },
        preparation: Preparation {
            deinterlace: is_interlaced(video),
            rate: (picture == Picture::Encode).then_some(rate),
            tone_map: high_dynamic_range(video).map(str::to_owned),
            hold_last: hold_last.filter(|_| picture == Picture::Encode),
        },
        sample_rate: if audio.and_then(|audio| audio.sample_rate) == Some(44_100.0) { 44_100 } else { 48_000 },
        downmix: audio.is_some_and(|audio| audio.channels > 2),
        duration,
        cuts,
        reasons,
    })
}

impl Plan {
    /// The same plan with the picture encoded, because copying turned out not to do.
    #[must_use]
    pub fn encoded(mut self, probe: &Probe, reason: &str) -> Self {
        self.picture = Picture::Encode;
        self.cuts.clear();
        if let Ok(chosen) = choose(probe) {
            let (frame_rate, rate) = frame_rate(chosen.video);
            self.frame_rate = frame_rate;
            self.preparation.rate = Some(rate);
        }
        if self.sound != Sound::None {
            self.sound = Sound::Encode;
        }
        self.reasons = vec![format!("encoded, because {reason}")];
        self
    }
}

fn choose(probe: &Probe) -> Result<Chosen<'_>, Refusal> {
    if probe.format.nb_streams > MOST_STREAMS || probe.streams.len() > MOST_STREAMS as usize {
        return Err(Refusal(format!("The file has more than {MOST_STREAMS} streams, which is more than is taken.")));
    }
    let best = |kind: &str| {
        let of_kind = probe.streams.iter().filter(|stream| {
            stream.codec_type == kind && stream.disposition.attached_pic == 0 && !stream.codec_name.is_empty()
        });
        // The default one, else the first: `max_by_key` gives the last of equals.
        of_kind.rev().max_by_key(|stream| stream.disposition.default)
    };
    let Some(video) = best("video") else {
        return Err(Refusal(if best("audio").is_some() {
            "The file has sound and no picture; only videos are taken so far.".into()
        } else {
            "The file has no picture.".into()
        }));
    };
    if video.width == 0 || video.height == 0 {
        return Err(Refusal("The file's picture has no size; it is damaged.".into()));
    }
    if u64::from(video.width) * u64::from(video.height) > MAX_PIXELS {
        return Err(Refusal(format!(
            "The picture has {} x {} pixels, which is more than is taken.",
            video.width, video.height
        )));
    }
    if video.side_data_list.iter().any(|data| data.dv_profile == Some(5)) {
        return Err(Refusal(
            "The file is Dolby Vision profile 5, whose colours only a licensed decoder shows; export it as HDR10 or SDR.".into(),
        ));
    }
    Ok(Chosen { video, audio: best("audio").filter(|audio| audio.channels > 0) })
}

/// What stands against repackaging, as far as the probe result says: decision 4 of the design.
fn obstacles(chosen: &Chosen<'_>, settings: &Settings) -> Vec<String> {
    let Chosen { video, audio } = chosen;
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
    let profile = matches!(video.profile.as_str(), "Constrained Baseline" | "Baseline" | "Main" | "High");
    check(!is_h264 || profile, format!("its H.264 profile is {}", or_unknown(&video.profile)));
    check(!is_h264 || video.level <= 52, format!("its H.264 level is {}", f64::from(video.level) / 10.0));
    check(!is_interlaced(video), "the picture is interlaced".into());
    // A decoder that has not seen a picture yet cannot say; then nobody can.
    let known = is_interlaced(video) || video.field_order == "progressive";
    check(!is_h264 || known, "the file does not say whether the picture is interlaced".into());
    let square = video.sample_aspect_ratio.value().is_none_or(|ratio| (ratio - 1.0).abs() < 1e-3);
    check(square, "its pixels are not square".into());
    check(video.rotation().is_none(), "the picture is rotated or flipped".into());
    check(high_dynamic_range(video).is_none(), "the picture has a high dynamic range".into());
    let rate = video.avg_frame_rate.value();
    check(
        rate.is_some_and(|rate| rate <= HIGHEST_RATE),
        "it has more than 60 pictures a second, or no known rate".into(),
    );
    let short = video.width.min(video.height);
    let most = settings.max_resolution.short_side();
    check(short <= most, format!("the settings allow {most} lines and the picture has {short}"));
    check(video.width % 2 == 0 && video.height % 2 == 0, "its size is odd".into());
    if let Some(audio) = audio {
        let late = audio.start_time.unwrap_or_default() - video.start_time.unwrap_or_default();
        check(late > -1.0, "the picture starts more than a second after the sound".into());
        if let (Some(sound), Some(picture)) = (audio.end(), video.end()) {
            check(sound - picture < 1.0, "the sound goes on after the picture".into());
        }
    }
    against
}

/// What stands against repackaging, as far as the packets say.
fn packet_obstacles(pictures: &Pictures, cuts: &[f64], settings: &Settings) -> Vec<String> {
    let mut against = Vec::new();
    if pictures.count == 0 {
        against.push("no picture could be read".to_owned());
    }
    if pictures.hidden {
        against.push("it was trimmed: an edit list hides pictures, which copying would show again".to_owned());
    }
    if pictures.disordered {
        against.push("its time stamps are missing or go back".to_owned());
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

fn sound(chosen: &Chosen<'_>, picture: Picture) -> (Sound, String) {
    let Some(audio) = chosen.audio else { return (Sound::None, "there is no sound".into()) };
    let late = audio.start_time.unwrap_or_default() - chosen.video.start_time.unwrap_or_default();
    if picture == Picture::Encode {
        // Beside an encoded picture the sound is laid on the same clock sample by sample.
        (Sound::Encode, "the sound with it".into())
    } else if audio.codec_name != "aac" || audio.profile != "LC" {
        let kind = if audio.codec_name == "aac" { or_unknown(&audio.profile) } else { &audio.codec_name };
        (Sound::Encode, format!("the sound is {kind}, not AAC-LC"))
    } else if audio.channels > 2 {
        (Sound::Encode, format!("the sound has {} channels", audio.channels))
    } else if late > 0.1 {
        (Sound::Encode, "the sound starts late".into())
    } else {
        (Sound::Copy, "AAC-LC".into())
    }
}

fn reasons(against: &[String], sound: Sound, sound_reason: &str) -> Vec<String> {
    if !against.is_empty() {
        return vec![format!("encoded, because {}", against.join("; "))];
    }
    vec![match sound {
        Sound::Copy => {
            "repackaged without encoding: the picture is H.264 and the sound AAC-LC, as players want them".into()
        }
        Sound::None => "repackaged without encoding: the picture is H.264, and there is no sound".into(),
        Sound::Encode => format!("picture repackaged without encoding, sound encoded: {sound_reason}"),
    }]
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn is_interlaced(video: &Stream) -> bool {
    matches!(video.field_order.as_str(), "tt" | "bb" | "tb" | "bt")
}

fn high_dynamic_range(video: &Stream) -> Option<&str> {
    let transfer = video.color_transfer.as_str();
    matches!(transfer, "smpte2084" | "arib-std-b67").then_some(transfer)
}

/// Pixels as a player shows them: square, and turned.
fn shown_size(video: &Stream) -> (u32, u32) {
    let ratio = video.sample_aspect_ratio.value().filter(|ratio| (0.1..=10.0).contains(ratio)).unwrap_or(1.0);
    let width = (f64::from(video.width) * ratio).round() as u32;
    let turned = video.rotation().is_some_and(|degrees| (degrees.abs() % 180.0 - 90.0).abs() < 45.0);
    if turned { (video.height, width) } else { (width, video.height) }
}

/// The rate that an encoded picture gets: the source's, constant, at most 60.
///
/// Screen recorders and phones write pictures when something changes; on a constant grid each is
/// shown within half a picture of its time, and every segment can be cut at its 4 s.
fn frame_rate(video: &Stream) -> (f64, Ratio) {
    let sane = |ratio: Ratio| ratio.value().filter(|rate| (0.01..=1000.0).contains(rate)).map(|rate| (rate, ratio));
    let average = sane(video.avg_frame_rate);
    let base = sane(video.r_frame_rate);
    let whole = |rate: u32| (f64::from(rate), Ratio { num: rate, den: 1 });
    let (rate, ratio) = match (average, base) {
        (None, None) => whole(30),
        (Some(only), None) | (None, Some(only)) => usual(only),
        (Some(average), Some(base)) => {
            let differ = base.0 / average.0;
            if (0.98..=1.05).contains(&differ) {
                base
            } else if (1.95..=2.05).contains(&differ) && is_interlaced(video) {
                // The base rate counts fields.
                average
            } else if average.0 > HIGHEST_RATE {
                average
            } else if base.0 <= 30.5 {
                base
            } else {
                whole(if average.0 <= 30.5 { 30 } else { 60 })
            }
        }
    };
    if rate > HIGHEST_RATE {
        let divisor = (rate / HIGHEST_RATE).ceil() as u32;
        (rate / f64::from(divisor), Ratio { num: ratio.num, den: ratio.den.saturating_mul(divisor) })
    } else if rate < 5.0 {
        // A picture every so often: repeated, so that there is one wherever a segment begins.
        let factor = (5.0 / rate).ceil() as u32;
        (rate * f64::from(factor), Ratio { num: ratio.num.saturating_mul(factor), den: ratio.den })
    } else {
        (rate, ratio)
    }
}

/// The usual rate that `rate` is meant to be: an average over a phone's clip is 29.97 or 30.02.
fn usual((rate, ratio): (f64, Ratio)) -> (f64, Ratio) {
    let usual = [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60_000, 1001), (60, 1)];
    let near = usual.map(|(num, den)| Ratio { num, den }).into_iter().filter_map(|near| Some((near.value()?, near)));
    let nearest = near.min_by(|a, b| (a.0 - rate).abs().total_cmp(&(b.0 - rate).abs()));
    nearest.filter(|near| (near.0 - rate).abs() / rate < 0.005).unwrap_or((rate, ratio))
}

fn copied_rate(video: &Stream, pictures: Option<&Pictures>) -> f64 {
    let counted = pictures.filter(|pictures| pictures.end > pictures.first);
    let counted = counted.map(|pictures| pictures.count as f64 / (pictures.end - pictures.first));
    video.avg_frame_rate.value().or(counted).unwrap_or(30.0)
}

/// Seconds by which the sound outlasts the picture, if it is worth holding the last picture for.
fn sound_beyond_picture(chosen: &Chosen<'_>, probe: &Probe) -> Option<f64> {
    let start = probe.format.start_time.unwrap_or_default();
    let beyond = chosen.audio?.end()? - chosen.video.end()?.max(start);
    (0.5..=LONGEST).contains(&beyond).then_some(beyond)
}
