//! Rules on what the multivariant playlist says of the renditions.

use std::collections::BTreeSet;

use super::{ONE_RENDITION, Outcome};
use crate::{
    mpegts::{CLOCK, ticks_between},
    playlist::Variant,
    stream::{Rendition, Stream},
};

/// Apple's, on measured bit rates.
const BIT_RATE_TOLERANCE: f64 = 0.1;
const RATE_TOLERANCE: f64 = 0.02;

fn said<T>(rendition: &Rendition, name: &str, get: impl Fn(&Variant) -> Option<T>) -> Result<T, String> {
    rendition.variant.as_ref().and_then(get).ok_or_else(|| format!("has no {name}"))
}

/// Bits and seconds of every segment; `None` if one is missing.
fn sizes(rendition: &Rendition) -> Option<Vec<(f64, f64)>> {
    let size =
        |segment: &crate::stream::Segment| Some((segment.contents.as_ref()?.bytes as f64 * 8.0, segment.inf.duration));
    rendition.segments.iter().map(size).collect()
}

fn average(sizes: &[(f64, f64)]) -> f64 {
    let (bits, seconds) = sizes.iter().fold((0.0, 0.0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    bits / seconds
}

/// The peak segment bit rate (RFC 8216 §4.3.4.2): the largest of any run of segments that together
/// last between 0.5 and 1.5 target durations; the average of a stream that has no such run.
fn peak(sizes: &[(f64, f64)], target: f64) -> f64 {
    let runs = (0..sizes.len()).flat_map(|start| (start + 1..=sizes.len()).map(move |end| (start, end)));
    let long = |run: &[(f64, f64)]| run.iter().map(|size| size.1).sum::<f64>();
    // A run that is too long already does not become shorter.
    let mut highest = None;
    for (start, end) in runs.filter(|(start, end)| long(&sizes[*start..end - 1]) <= 1.5 * target) {
        let run = &sizes[start..end];
        if (0.5 * target..=1.5 * target).contains(&long(run)) {
            highest = Some(average(run).max(highest.unwrap_or_default()));
        }
    }
    highest.unwrap_or_else(|| average(sizes))
}

fn bit_rate(said: u64, measured: f64) -> Result<String, String> {
    let text = format!("says {said} and has {measured:.0}");
    if (said as f64 - measured).abs() <= BIT_RATE_TOLERANCE * measured { Ok(text) } else { Err(text) }
}

pub(super) fn bandwidth(stream: &Stream) -> Outcome {
    Outcome::of_variants(stream, |rendition| {
        let said = said(rendition, "BANDWIDTH", |variant| variant.bandwidth)?;
        let target = rendition.file.playlist.target_durations.first().copied().unwrap_or_default() as f64;
        match sizes(rendition) {
            // The average of a short clip is its peak where that is higher.
            Some(sizes) => bit_rate(said, peak(&sizes, target).max(average(&sizes))),
            None => Ok("is not complete".into()),
        }
    })
}

pub(super) fn average_bandwidth(stream: &Stream) -> Outcome {
    Outcome::of_variants(stream, |rendition| {
        let said = said(rendition, "AVERAGE-BANDWIDTH", |variant| variant.average_bandwidth)?;
        sizes(rendition).map_or(Ok("is not complete".into()), |sizes| bit_rate(said, average(&sizes)))
    })
}

pub(super) fn codecs(stream: &Stream) -> Outcome {
    Outcome::of_variants(stream, |rendition| {
        let said = said(rendition, "CODECS", |variant| variant.codecs.clone())?.to_lowercase();
        let pictures = rendition.present().filter_map(|(_, _, held)| Some(held.sps.as_ref()?.codec()));
        let sounds = rendition.present().filter_map(|(_, _, held)| Some(held.sound?.frame.codec()));
        let (pictures, sounds): (BTreeSet<_>, BTreeSet<_>) = (pictures.collect(), sounds.collect());
        let of = |prefix: &str| -> BTreeSet<String> {
            said.split(',').map(str::trim).filter(|codec| codec.starts_with(prefix)).map(str::to_owned).collect()
        };
        // Whether sound is declared at all is a rule of its own.
        let sound_said = of("mp4a.");
        let sound_is_true = sound_said.is_empty() || sounds.is_empty() || sound_said == sounds;
        let known = said.split(',').all(|codec| codec.trim().starts_with("avc1.") || codec.trim().starts_with("mp4a."));
        if of("avc1.") == pictures && sound_is_true && known {
            return Ok(said);
        }
        let held: Vec<String> = pictures.into_iter().chain(sounds).collect();
        Err(format!("says {said} and has {}", held.join(",")))
    })
}

pub(super) fn resolution(stream: &Stream) -> Outcome {
    Outcome::of_variants(stream, |rendition| {
        let (width, height) = said(rendition, "RESOLUTION", |variant| variant.resolution)?;
        let sets = rendition.present().filter_map(|(_, _, held)| held.sps.as_ref());
        for sps in sets {
            let square = sps.aspect.0 == sps.aspect.1;
            if (u64::from(sps.size.0), u64::from(sps.size.1)) != (width, height) || !square {
                let ((w, h), (x, y)) = (sps.size, sps.aspect);
                return Err(format!("says {width}x{height} and has {w}x{h} with pixels of {x}:{y}"));
            }
        }
        Ok(format!("{width}x{height}"))
    })
}

pub(super) fn frame_rate(stream: &Stream) -> Outcome {
    Outcome::of_variants(stream, |rendition| {
        let said = said(rendition, "FRAME-RATE", |variant| variant.frame_rate)?;
        let count: u64 = rendition.present().filter_map(|(_, _, held)| held.pictures).map(|p| p.count).sum();
        let seconds: Option<f64> = (0..rendition.segments.len()).map(|n| rendition.measured_seconds(n)).sum();
        let Some(seconds) = seconds.filter(|seconds| *seconds > 0.0) else { return Ok("is not complete".into()) };
        let expected = said * seconds;
        let text = format!("says {said} and has {:.3}", count as f64 / seconds);
        // One picture more or less, in a short clip.
        if (expected - count as f64).abs() <= (RATE_TOLERANCE * expected).max(1.0) { Ok(text) } else { Err(text) }
    })
}

pub(super) fn aligned(stream: &Stream) -> Outcome {
    let [first, others @ ..] = &stream.renditions[..] else { return Outcome::NotApplicable(ONE_RENDITION) };
    if others.is_empty() {
        return Outcome::NotApplicable(ONE_RENDITION);
    }
    let (mut broken, mut worst) = (Vec::new(), 0.0_f64);
    for other in others {
        let (name, of) = (&other.name, &first.name);
        if other.segments.len() != first.segments.len() {
            broken.push(format!("{name} has {} segments and {of} {}", other.segments.len(), first.segments.len()));
            continue;
        }
        let picture = first.picture_seconds().unwrap_or_default().max(other.picture_seconds().unwrap_or_default());
        for (n, (one, another)) in first.segments.iter().zip(&other.segments).enumerate() {
            let start = |segment: &crate::stream::Segment| Some(segment.contents.as_ref()?.pictures?.first);
            let (Some(one), Some(another)) = (start(one), start(another)) else { continue };
            let apart = ticks_between(one, another) as f64 / CLOCK;
            worst = worst.max(apart.abs());
            if apart.abs() > picture {
                broken.push(format!("{name} #{n} begins {apart:+.3} s from {of}"));
            }
        }
    }
    Outcome::of(broken, format!("at most {:.1} ms apart", worst * 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_that_of_runs_about_as_long_as_a_segment() {
        // 8 Mbit in 4 s, 16 in 4 s, and a stub of 0.04 s at 100 Mbit/s.
        let sizes = [(8e6, 4.0), (16e6, 4.0), (4e6, 0.04)];
        assert_eq!(peak(&sizes, 4.0), 20e6 / 4.04);
        assert_eq!(peak(&[(1e6, 0.5)], 4.0), 2e6, "the average stands for it");
    }
}
