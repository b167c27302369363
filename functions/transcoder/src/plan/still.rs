//! Sound alone: a still picture is put to it.

use clipset_core::settings::Settings;

use super::{Colours, LONGEST, Origin, Picture, Plan, Preparation, Refusal, Sound, known_duration, sample_rate, sizes};
use crate::probe::{Probe, Ratio, Stream};

/// Pictures a second of a still picture: enough to begin a segment anywhere.
const STILL_RATE: Ratio = Ratio { num: 5, den: 1 };

/// The plain picture of a sound without a cover, pixels.
const PLAIN: (u32, u32) = (1280, 720);

impl Plan {
    /// The same sound with a plain picture, because its cover could not be decoded.
    #[must_use]
    pub fn without_cover(self, settings: &Settings) -> Self {
        let reasons = vec!["shown with a plain picture, because the cover could not be decoded".to_owned()];
        let rungs = sizes::only(PLAIN, settings);
        Self { video: Origin::Plain, rungs, preparation: still_preparation(Colours::default()), reasons, ..self }
    }
}

/// Sound alone becomes a video all the same, so that it plays wherever a clip does.
pub(super) fn of_sound(
    probe: &Probe,
    audio: &Stream,
    cover: Option<&Stream>,
    settings: &Settings,
) -> Result<Plan, Refusal> {
    let start = probe.format.start_time.unwrap_or_default();
    let duration = audio.end().map(|end| end - start).or(known_duration(probe)).filter(|seconds| *seconds > 0.0);
    let duration = duration
        .ok_or_else(|| Refusal("The file has sound and no picture, and none of the sound can be read.".into()))?;
    if duration > LONGEST {
        return Err(Refusal("The recording is longer than 24 hours, which is more than is taken.".into()));
    }
    let (video, size, colours, with) = match cover {
        Some(cover) => (Origin::Cover(cover.index), sizes::shown(cover), Colours::of(cover), "its cover"),
        None => (Origin::Plain, PLAIN, Colours::default(), "a plain one"),
    };
    Ok(Plan {
        video,
        audio: Some(audio.index),
        picture: Picture::Encode,
        sound: Sound::Encode,
        // Hardly any bits in any size.
        rungs: sizes::only(size, settings),
        frame_rate: f64::from(STILL_RATE.num),
        preparation: still_preparation(colours),
        sample_rate: sample_rate(Some(audio)),
        channels: audio.channels,
        duration: Some(duration),
        cuts: Vec::new(),
        end_unsure: false,
        reasons: vec![format!("the file has sound and no picture, so {with} is shown as a still picture")],
    })
}

fn still_preparation(colours: Colours) -> Preparation {
    Preparation { rate: Some(STILL_RATE), colours, ..Preparation::default() }
}
