//! What is made of a file stays in proportion to what it holds.
//!
//! Two pictures may be a day apart: what is between them costs the file nothing and us a day's pictures. So long pauses
//! get a picture a second, and what would still be too long or too much work is refused in words.

use clipset_core::settings::Settings;

use super::{LONGEST, Picture, Plan, Played, Refusal};
use crate::{packets::Contents, probe::Probe};

/// Any file may last so long, seconds.
const ANY_LENGTH: f64 = 2.0 * 3600.0;

/// And so much longer for each of its packets, seconds: slides stand for minutes.
const LENGTH_PER_PACKET: f64 = 60.0;

/// Any file may be so much work, seconds.
const ANY_WORK: f64 = 1800.0;

/// And so much more for each of its packets, seconds.
const WORK_PER_PACKET: f64 = 1.0;

/// And a second more for so many bytes of it.
const BYTES_PER_SECOND_OF_WORK: f64 = 100.0;

/// Pauses are left as they are unless that saves so many pictures: what people record stays at one rate.
const WORTH_SAVING: f64 = 10_000.0;

/// As many pauses, the longest, are told to FFmpeg: each is looked at for each picture.
const MOST_PAUSES: usize = 1000;

/// `plan` with its pauses noted, unless it is out of proportion to `contents`.
pub(super) fn bounded(
    mut plan: Plan,
    probe: &Probe,
    contents: &Contents,
    settings: &Settings,
) -> Result<Plan, Refusal> {
    let seconds = contents.seconds(probe, plan.played()).min(LONGEST);
    let packets = contents.real_packets() as f64;
    if seconds > ANY_LENGTH + LENGTH_PER_PACKET * packets {
        return Err(refusal(
            contents,
            format!("spreads them over {}: more than is made of so little", length(seconds)),
        ));
    }
    plan.duration = plan.duration.or(Some(seconds).filter(|seconds| *seconds > 0.0));
    plan.preparation.hold_last = plan.preparation.hold_last.and_then(|hold| really_held(hold, &plan, contents));
    if plan.picture == Picture::Encode && plan.has_moving_pictures() {
        let pauses = contents.pauses(probe, seconds);
        plan.preparation.longest_pause = pauses.iter().map(|(from, to)| to - from).fold(0.0, f64::max);
        plan.preparation.pauses = worth_noting(pauses, plan.frame_rate);
    }
    let work = plan.work_seconds(probe, contents, settings, plan.rungs.len());
    let allowed = ANY_WORK + contents.bytes as f64 / BYTES_PER_SECOND_OF_WORK + WORK_PER_PACKET * packets;
    if work > allowed {
        return Err(refusal(contents, format!("would take {} of work: more than is done for so little", length(work))));
    }
    if !plan.preparation.pauses.is_empty() {
        plan.reasons.push("where nothing moves for long, one picture a second is made".to_owned());
    }
    Ok(plan)
}

/// Seconds for which the last picture is held: no more than the packets say, for a header may say anything.
fn really_held(said: f64, plan: &Plan, contents: &Contents) -> Option<f64> {
    let Played { picture, sound } = plan.played();
    let end = |stream: Option<u32>| contents.ends.get(&stream?).copied();
    let beyond = end(sound).zip(end(picture)).map_or(said, |(sound, picture)| sound - picture + 1.0);
    Some(said.min(beyond)).filter(|seconds| *seconds > 0.0)
}

fn refusal(contents: &Contents, what: String) -> Refusal {
    Refusal(format!("The file holds {} in {} and {what}.", held(contents), size(contents.bytes)))
}

/// The longest of `pauses` in order, without the pictures at their ends, if it is worth it at `rate`.
fn worth_noting(mut pauses: Vec<(f64, f64)>, rate: f64) -> Vec<(f64, f64)> {
    // The last picture before it is there by two pictures later, the next one begins a picture early.
    let (after, before) = (2.0 / rate, 1.5 / rate);
    pauses.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
    pauses.truncate(MOST_PAUSES);
    pauses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let inner = pauses.into_iter().map(|(from, to)| (from + after, to - before)).filter(|(from, to)| to - from > 1.0);
    let inner: Vec<_> = inner.collect();
    let saved: f64 = inner.iter().map(|(from, to)| (to - from) * (rate - 1.0)).sum();
    if saved > WORTH_SAVING { inner } else { Vec::new() }
}

fn held(contents: &Contents) -> String {
    match (contents.pictures.count, contents.packets) {
        (0, 1) => "one piece of sound".to_owned(),
        (0, packets) => format!("{packets} pieces of sound"),
        (1, _) => "one picture".to_owned(),
        (pictures, _) => format!("{pictures} pictures"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

fn length(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} minutes"),
        (hours, 0) => format!("{hours} hours"),
        (hours, minutes) => format!("{hours} hours {minutes} minutes"),
    }
}
