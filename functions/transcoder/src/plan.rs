//! What becomes of a file, decided from its probe result and the settings alone, with reasons in words.

mod bounds;
mod colours;
mod obstacles;
mod rate;
mod sizes;
mod still;
mod streams;
mod work;

pub use colours::{Colours, Conversion};
pub(crate) use obstacles::{BREAKS_OFF, breaks_off};
pub use sizes::{LADDER, Rung};
pub(crate) use work::of_bytes;

use clipset_core::settings::Settings;

use crate::{
    cuts::Pictures,
    packets::Contents,
    probe::{Probe, Ratio, Stream},
};
use streams::{Chosen, Video};

/// No clip is longer, seconds. A time stamp that jumps by years would otherwise be filled with pictures.
pub const LONGEST: f64 = 24.0 * 3600.0;

/// Where the picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// This stream of the file.
    Stream(u32),
    /// The file has sound alone, and this stream is its cover: one picture, shown all the time.
    Cover(u32),
    /// The file has sound alone and no cover: a plain colour.
    Plain,
}

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

/// How an encoded picture is brought to its rate and colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Preparation {
    /// Two fields per picture.
    pub deinterlace: bool,
    /// The rate to bring it to; `None` keeps every picture's own time.
    pub rate: Option<Ratio>,
    /// The transfer of a high dynamic range (FFmpeg's name), to be tone-mapped to BT.709.
    pub tone_map: Option<String>,
    /// What the stream tells players of its colours.
    pub colours: Colours,
    /// Seconds for which the last picture stays, for sound that is longer.
    pub hold_last: Option<f64>,
    /// From where to where, in seconds, a picture a second is enough, because the file has none there.
    pub pauses: Vec<(f64, f64)>,
    /// Seconds of the longest stretch without a picture of the file's own.
    pub longest_pause: f64,
}

/// The streams of a file that are played, by index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Played {
    /// The moving picture.
    pub picture: Option<u32>,
    /// The sound.
    pub sound: Option<u32>,
}

/// What becomes of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where the picture comes from.
    pub video: Origin,
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
    /// Channels of the sound.
    pub channels: u32,
    /// Seconds, if the file says so.
    pub duration: Option<f64>,
    /// Where a copied picture is cut, seconds from the file's start.
    pub cuts: Vec<f64>,
    /// Copied from a container whose end may be torn without a sign of it, so what comes last is
    /// decoded before it is published.
    pub end_unsure: bool,
    /// Why, in words.
    pub reasons: Vec<String>,
}

/// A file that nothing can be made of; the sentence is for its owner.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refusal(pub String);

/// Which streams are played; `None` of a file that [`plan`] refuses.
pub fn played(probe: &Probe) -> Option<Played> {
    Some(match streams::choose(probe).ok()? {
        Chosen::Video(Video { video, audio }) => {
            Played { picture: Some(video.index), sound: audio.map(|audio| audio.index) }
        }
        Chosen::Sound { audio, .. } => Played { picture: None, sound: Some(audio.index) },
    })
}

/// Whether the packets decide if it is repackaged: nothing that the probe result says stands against repackaging.
pub fn may_be_copied(probe: &Probe, settings: &Settings) -> Option<u32> {
    match streams::choose(probe).ok()? {
        Chosen::Video(chosen) if obstacles::of_probe(&chosen, probe, settings).is_empty() => Some(chosen.video.index),
        _ => None,
    }
}

/// The streams whose end the probe result leaves open and the plan needs to know: where the sound
/// of a video ends beside its picture, and all of a sound without one, whose length is often a guess.
pub fn open_ends(probe: &Probe) -> Vec<u32> {
    match streams::choose(probe) {
        Ok(Chosen::Video(Video { video, audio: Some(audio) })) => {
            [video, audio].into_iter().filter(|stream| stream.end().is_none()).map(|stream| stream.index).collect()
        }
        Ok(Chosen::Sound { audio, .. }) => vec![audio.index],
        _ => Vec::new(),
    }
}

/// Decides. `pictures` are the packets, where [`may_be_copied`] asked for them.
///
/// # Errors
/// [`Refusal`] with a sentence for the owner.
pub fn plan(probe: &Probe, pictures: Option<&Pictures>, settings: &Settings) -> Result<Plan, Refusal> {
    if known_duration(probe).is_some_and(|seconds| seconds > LONGEST) {
        return Err(Refusal("The clip is longer than 24 hours, which is more than is taken.".into()));
    }
    match streams::choose(probe)? {
        Chosen::Sound { audio, cover } => still::of_sound(probe, audio, cover, settings),
        Chosen::Video(chosen) => {
            let mut against = obstacles::of_probe(&chosen, probe, settings);
            match pictures {
                Some(pictures) if against.is_empty() => {
                    let cuts = cuts(&chosen, pictures);
                    against.extend(obstacles::of_packets(chosen.video, pictures, &cuts, settings));
                }
                None if against.is_empty() => against.push("its packets were not read".to_owned()),
                _ => {}
            }
            Ok(match pictures.filter(|_| against.is_empty()) {
                Some(pictures) => copied(probe, &chosen, pictures, settings),
                None => encoded(probe, &chosen, &against, settings),
            })
        }
    }
}

impl Plan {
    /// The plan with the picture encoded, because copying turned out not to do.
    ///
    /// # Errors
    /// [`Refusal`], as [`plan`].
    pub fn encoded(probe: &Probe, settings: &Settings, reason: &str) -> Result<Self, Refusal> {
        match streams::choose(probe)? {
            Chosen::Video(chosen) => Ok(encoded(probe, &chosen, &[reason.to_owned()], settings)),
            Chosen::Sound { audio, cover } => still::of_sound(probe, audio, cover, settings),
        }
    }

    /// The same, in proportion to what the file holds: long pauses get few pictures.
    ///
    /// # Errors
    /// [`Refusal`] of what is too long or too much work for what is there.
    pub fn bounded(self, probe: &Probe, contents: &Contents, settings: &Settings) -> Result<Self, Refusal> {
        bounds::bounded(self, probe, contents, settings)
    }

    /// The streams that are played.
    pub fn played(&self) -> Played {
        let picture = if let Origin::Stream(stream) = self.video { Some(stream) } else { None };
        Played { picture, sound: self.audio }
    }

    /// The picture is more than a cover or a plain colour.
    pub fn has_moving_pictures(&self) -> bool {
        matches!(self.video, Origin::Stream(_))
    }
}

fn known_duration(probe: &Probe) -> Option<f64> {
    probe.format.duration.filter(|seconds| *seconds > 0.0)
}

fn copied(probe: &Probe, chosen: &Video<'_>, pictures: &Pictures, settings: &Settings) -> Plan {
    let Video { video, audio } = *chosen;
    let start = probe.format.start_time.unwrap_or_default();
    let (sound, why) = copied_sound(chosen);
    let counted = (pictures.end > pictures.first).then(|| pictures.count as f64 / (pictures.end - pictures.first));
    Plan {
        video: Origin::Stream(video.index),
        audio: audio.map(|audio| audio.index),
        picture: Picture::Copy,
        sound,
        rungs: sizes::rungs(sizes::shown(video), settings),
        frame_rate: video.avg_frame_rate.value().or(counted).unwrap_or(30.0),
        // For the lower sizes beside the copy, which keep every picture's time.
        preparation: Preparation { colours: Colours::of(video), ..Preparation::default() },
        sample_rate: sample_rate(audio),
        channels: audio.map_or(0, |audio| audio.channels),
        duration: known_duration(probe),
        // FFmpeg's clock begins at the file's start.
        cuts: cuts(chosen, pictures).into_iter().map(|cut| cut - start).collect(),
        end_unsure: !is_counted(probe, video),
        reasons: vec![match sound {
            Sound::Copy => {
                "repackaged without encoding: the picture is H.264 and the sound AAC-LC, as players want them".into()
            }
            Sound::None => "repackaged without encoding: the picture is H.264, and there is no sound".into(),
            Sound::Encode => format!("picture repackaged without encoding, sound encoded: {why}"),
        }],
    }
}

fn encoded(probe: &Probe, chosen: &Video<'_>, against: &[String], settings: &Settings) -> Plan {
    let Video { video, audio } = *chosen;
    let (frame_rate, rate) = rate::constant(video);
    Plan {
        video: Origin::Stream(video.index),
        audio: audio.map(|audio| audio.index),
        picture: Picture::Encode,
        // Beside an encoded picture the sound is laid on the same clock sample by sample.
        sound: if audio.is_some() { Sound::Encode } else { Sound::None },
        rungs: sizes::rungs(sizes::shown(video), settings),
        frame_rate,
        preparation: Preparation {
            deinterlace: video.is_interlaced(),
            rate: Some(rate),
            tone_map: video.high_dynamic_range().map(str::to_owned),
            colours: Colours::of(video),
            hold_last: sound_beyond_picture(chosen, probe),
            pauses: Vec::new(),
            longest_pause: 0.0,
        },
        sample_rate: sample_rate(audio),
        channels: audio.map_or(0, |audio| audio.channels),
        duration: known_duration(probe),
        cuts: Vec::new(),
        end_unsure: false,
        reasons: vec![format!("encoded, because {}", against.join("; "))],
    }
}

fn copied_sound(chosen: &Video<'_>) -> (Sound, String) {
    let Some(audio) = chosen.audio else { return (Sound::None, String::new()) };
    let late = audio.start_time.unwrap_or_default() - chosen.video.start_time.unwrap_or_default();
    if audio.codec_name != "aac" || audio.profile != "LC" {
        let kind = if audio.codec_name == "aac" { &audio.profile } else { &audio.codec_name };
        let kind = if kind.is_empty() { "unknown" } else { kind };
        (Sound::Encode, format!("the sound is {kind}, not AAC-LC"))
    } else if audio.channels > 2 {
        (Sound::Encode, format!("the sound has {} channels", audio.channels))
    } else if late > 0.1 {
        (Sound::Encode, "the sound starts late".into())
    } else {
        (Sound::Copy, String::new())
    }
}

/// Where FFmpeg cuts the copied picture, on the file's clock.
fn cuts(chosen: &Video<'_>, pictures: &Pictures) -> Vec<f64> {
    let sound = chosen.audio.and_then(|audio| audio.start_time);
    pictures.cuts(sound.unwrap_or(pictures.first).min(pictures.first))
}

/// The container says how much there is, so that a torn end shows: Matroska in every block, MP4 in
/// its index, unless it is fragmented.
fn is_counted(probe: &Probe, video: &Stream) -> bool {
    probe.format.format_name.starts_with("matroska") || video.nb_frames.is_some_and(|count| count > 0.0)
}

fn sample_rate(audio: Option<&Stream>) -> u32 {
    if audio.and_then(|audio| audio.sample_rate) == Some(44_100.0) { 44_100 } else { 48_000 }
}

/// Seconds by which the sound outlasts the picture, if it is worth holding the last picture for.
fn sound_beyond_picture(chosen: &Video<'_>, probe: &Probe) -> Option<f64> {
    let start = probe.format.start_time.unwrap_or_default();
    let beyond = chosen.audio?.end()? - chosen.video.end()?.max(start);
    (0.1..=LONGEST).contains(&beyond).then_some(beyond)
}
