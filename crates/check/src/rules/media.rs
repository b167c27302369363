//! Rules on the bytes of segments.

use super::Outcome;
use crate::{
    mpegts::{CLOCK, Contents, ticks_between},
    stream::{Rendition, Stream},
};

/// The clock's rounding, and that of durations written with three decimals.
const ROUNDING: f64 = 0.001;
/// Sound may be this far from where the last segment's ended: a frame at the lowest usual rate.
const SOUND_STEP: f64 = 0.05;
/// A little above 60, for rates such as 60.02 that phones write.
const HIGHEST_RATE: f64 = 60.5;
const HIGH_PROFILE: u8 = 100;
const HIGHEST_LEVEL: u8 = 52;

/// A rule on every segment: `judge` gives what is wrong.
fn of_each_segment(stream: &Stream, seen: &str, judge: impl Fn(&Contents) -> Option<String>) -> Outcome {
    let segments = || stream.renditions.iter().flat_map(|one| one.present().map(move |(n, _, held)| (one, n, held)));
    let count = segments().count();
    if count == 0 {
        return Outcome::NotApplicable("there is no segment");
    }
    let wrong = segments().filter_map(|(rendition, n, held)| Some(format!("{} #{n} {}", rendition.name, judge(held)?)));
    Outcome::of(wrong.collect(), format!("{seen} of {count} segment{}", if count == 1 { "" } else { "s" }))
}

pub(super) fn whole(stream: &Stream) -> Outcome {
    of_each_segment(stream, "the packets", |held| (!held.whole).then(|| "has packets that are not whole".into()))
}

pub(super) fn one_programme(stream: &Stream) -> Outcome {
    of_each_segment(stream, "the programme", |held| {
        (held.programmes != 1).then(|| format!("holds {} programmes", held.programmes))
    })
}

pub(super) fn tables_first(stream: &Stream) -> Outcome {
    of_each_segment(stream, "the first packets", |held| {
        (!held.tables_first).then(|| "begins with something else".into())
    })
}

pub(super) fn formats(stream: &Stream) -> Outcome {
    of_each_segment(stream, "the formats", |held| {
        if !held.foreign.is_empty() {
            return Some(format!("holds streams of type {:02x?}", held.foreign));
        }
        let Some(sps) = &held.sps else { return Some("has no readable sequence parameter set".into()) };
        let [profile, _, level] = sps.profile;
        (profile > HIGH_PROFILE || level > HIGHEST_LEVEL).then(|| format!("is of profile {profile}, level {level}"))
    })
}

pub(super) fn idr(stream: &Stream) -> Outcome {
    of_each_segment(stream, "the first picture", |held| match held.pictures {
        None => Some("has no picture".into()),
        Some(_) if !held.starts_with_idr => Some("does not begin with an IDR picture".into()),
        Some(pictures) if pictures.leading => Some("shows pictures before its first".into()),
        Some(_) => None,
    })
}

/// One picture, for the tolerance; a whole second where there is but one picture and no rate.
fn tolerance(rendition: &Rendition) -> f64 {
    rendition.picture_seconds().unwrap_or(1.0) + ROUNDING
}

pub(super) fn durations(stream: &Stream) -> Outcome {
    let (mut broken, mut worst) = (Vec::new(), 0.0_f64);
    for rendition in &stream.renditions {
        for (n, segment) in rendition.segments.iter().enumerate() {
            let Some(measured) = rendition.measured_seconds(n) else { continue };
            let said = segment.inf.duration;
            worst = worst.max((said - measured).abs());
            if (said - measured).abs() > tolerance(rendition) {
                broken.push(format!("{} #{n} says {said:.3} s and lasts {measured:.3} s", rendition.name));
            }
        }
    }
    Outcome::of(broken, format!("at most {:.1} ms off", worst * 1000.0))
}

pub(super) fn duration_sum(stream: &Stream) -> Outcome {
    let (mut broken, mut seen) = (Vec::new(), Vec::new());
    for rendition in stream.renditions.iter().filter(|rendition| rendition.is_complete()) {
        let measured = (0..rendition.segments.len()).map(|n| rendition.measured_seconds(n));
        let Some(measured) = measured.sum::<Option<f64>>() else { continue };
        let said: f64 = rendition.segments.iter().map(|segment| segment.inf.duration).sum();
        let text = format!("{} says {said:.3} s and lasts {measured:.3} s", rendition.name);
        if (said - measured).abs() > tolerance(rendition) { broken.push(text) } else { seen.push(text) }
    }
    Outcome::of(broken, seen.join(", "))
}

pub(super) fn continuous(stream: &Stream) -> Outcome {
    let (mut broken, mut joints) = (Vec::new(), 0);
    for rendition in &stream.renditions {
        let limit = rendition.longest_pause();
        for (n, pair) in rendition.segments.windows(2).enumerate() {
            let (Some(before), Some(after)) = (&pair[0].contents, &pair[1].contents) else { continue };
            joints += 1;
            if let (Some(before), Some(after)) = (before.pictures, after.pictures) {
                let pause = ticks_between(before.last, after.first) as f64 / CLOCK;
                if pause <= 0.0 || pause > limit + ROUNDING {
                    broken.push(format!("{} #{}: the picture goes on after {pause:.3} s", rendition.name, n + 1));
                }
            }
            if let (Some(before), Some(after)) = (before.sound, after.sound) {
                let pause = ticks_between(before.end, after.first) as f64 / CLOCK;
                if pause.abs() > SOUND_STEP {
                    broken.push(format!("{} #{}: the sound goes on after {pause:.3} s", rendition.name, n + 1));
                }
            }
        }
    }
    Outcome::of(broken, format!("{joints} joints"))
}

pub(super) fn frame_rate_limit(stream: &Stream) -> Outcome {
    let (mut broken, mut seen) = (Vec::new(), Vec::new());
    for rendition in &stream.renditions {
        let Some(rate) = rendition.picture_seconds().filter(|seconds| *seconds > 0.0).map(f64::recip) else { continue };
        let text = format!("{} {rate:.2}", rendition.name);
        if rate > HIGHEST_RATE { broken.push(text) } else { seen.push(text) }
    }
    Outcome::of(broken, seen.join(", "))
}

pub(super) fn sound(stream: &Stream) -> Outcome {
    let (mut broken, mut seen) = (Vec::new(), Vec::new());
    for rendition in stream.renditions.iter().filter(|rendition| rendition.is_complete()) {
        let listed = rendition.present().filter(|(_, _, held)| held.sound_listed).count();
        let heard = rendition.present().any(|(_, _, held)| held.sound.is_some());
        let codecs = rendition.variant.as_ref().map(|variant| variant.codecs.as_deref().unwrap_or_default());
        let declared = codecs.map_or(listed > 0, |codecs| codecs.contains("mp4a."));
        let name = &rendition.name;
        if listed != 0 && listed != rendition.segments.len() {
            broken.push(format!("{name} lists sound in {listed} of {} segments", rendition.segments.len()));
        } else if heard != declared || heard != (listed > 0) {
            let word = |there: bool| if there { "sound" } else { "no sound" };
            broken.push(format!("{name} declares {} and has {}", word(declared || listed > 0 && !heard), word(heard)));
        } else {
            seen.push(format!("{name} {}", if heard { "with" } else { "without" }));
        }
    }
    Outcome::of(broken, seen.join(", "))
}
