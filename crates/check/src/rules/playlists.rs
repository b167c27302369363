//! Rules on the text of playlists.

use super::{ONE_RENDITION, Outcome};
use crate::stream::{BYTE_ORDER_MARK, MASTER, PlaylistFile, Rendition, Stream};

/// A rule on every playlist: `judge` gives what is wrong.
fn of_each(stream: &Stream, seen: &str, judge: impl Fn(&PlaylistFile) -> Option<String>) -> Outcome {
    let wrong = stream.playlists().filter_map(|file| Some(format!("{} {}", file.name, judge(file)?)));
    let broken: Vec<String> = wrong.collect();
    if stream.playlists().next().is_none() {
        return Outcome::NotApplicable("there is no playlist");
    }
    Outcome::of(broken, format!("{} of {}", seen, counted(stream.playlists().count(), "playlist")))
}

/// The same on every media playlist.
fn of_each_rendition(stream: &Stream, seen: &str, judge: impl Fn(&Rendition) -> Option<String>) -> Outcome {
    let wrong = stream.renditions.iter().filter_map(|one| Some(format!("{} {}", one.name, judge(one)?)));
    let broken: Vec<String> = wrong.collect();
    if stream.renditions.is_empty() {
        return Outcome::NotApplicable("there is no media playlist");
    }
    Outcome::of(broken, format!("{} of {}", seen, counted(stream.renditions.len(), "media playlist")))
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn text(stream: &Stream) -> Outcome {
    of_each(stream, "the text", |file| {
        let control = |c: char| c.is_control() && !matches!(c, '\n' | '\r');
        match () {
            () if !file.is_utf8 => Some("is not UTF-8".into()),
            () if file.text.starts_with(BYTE_ORDER_MARK) => Some("begins with a byte order mark".into()),
            () if file.text.contains(control) => Some("holds control characters".into()),
            () => None,
        }
    })
}

pub(super) fn first_line(stream: &Stream) -> Outcome {
    of_each(stream, "the first line", |file| {
        let first = file.text.trim_start_matches(BYTE_ORDER_MARK).lines().next().unwrap_or_default();
        (first != "#EXTM3U").then(|| format!("begins with {first:?}"))
    })
}

pub(super) fn readable(stream: &Stream) -> Outcome {
    of_each(stream, "every line", |file| {
        let malformed = &file.playlist.malformed;
        (!malformed.is_empty()).then(|| format!("has {:?}", malformed.join(", ")))
    })
}

pub(super) fn complete(stream: &Stream) -> Outcome {
    let mut broken: Vec<String> = stream.missing.iter().map(|name| format!("{name} is not there")).collect();
    let empty = stream.renditions.iter().filter(|rendition| rendition.segments.is_empty());
    broken.extend(empty.map(|rendition| format!("{} names no segment", rendition.name)));
    let segments: usize = stream.renditions.iter().map(|rendition| rendition.segments.len()).sum();
    let playlists = counted(stream.playlists().count(), "playlist");
    Outcome::of(broken, format!("{playlists} and {} there", counted(segments, "segment")))
}

pub(super) fn uris(stream: &Stream) -> Outcome {
    Outcome::of(stream.foreign.clone(), "plain names of this folder")
}

pub(super) fn one_kind(stream: &Stream) -> Outcome {
    of_each(stream, "the kind", |file| {
        let playlist = &file.playlist;
        let media = playlist.has_media_tags || !playlist.segments.is_empty();
        let nested = file.name != MASTER && !playlist.variants.is_empty();
        (nested || media && !playlist.variants.is_empty()).then(|| "names variants and segments".into())
    })
}

pub(super) fn known(stream: &Stream) -> Outcome {
    of_each(stream, "every tag", |file| {
        let unknown = &file.playlist.unknown_use;
        (!unknown.is_empty()).then(|| format!("uses {}", unknown.join(", ")))
    })
}

pub(super) fn version(stream: &Stream) -> Outcome {
    of_each(stream, "the version", |file| {
        // Decimal durations; no tag means version 1.
        let needed = if file.playlist.decimals { 3 } else { 1 };
        match file.playlist.versions[..] {
            [] if needed == 1 => None,
            [version] if version >= needed => None,
            [version] => Some(format!("says version {version} and needs {needed}")),
            [] => Some(format!("says no version and needs {needed}")),
            _ => Some("says its version more than once".into()),
        }
    })
}

pub(super) fn target_duration(stream: &Stream) -> Outcome {
    of_each_rendition(stream, "the target duration", |rendition| {
        let [target] = rendition.file.playlist.target_durations[..] else {
            return Some("does not say its target duration once".into());
        };
        let longest = rendition.segments.iter().map(|segment| segment.inf.duration.round()).fold(0.0, f64::max);
        (longest > target as f64).then(|| format!("says {target} s and has a segment of {longest} s"))
    })
}

pub(super) fn equal_target_durations(stream: &Stream) -> Outcome {
    if stream.renditions.len() < 2 {
        return Outcome::NotApplicable(ONE_RENDITION);
    }
    let said = stream.renditions.iter().map(|rendition| &rendition.file.playlist.target_durations);
    let mut distinct: Vec<String> = said.flatten().map(|target| format!("{target} s")).collect();
    distinct.sort();
    distinct.dedup();
    let text = distinct.join(" and ");
    Outcome::of(if distinct.len() > 1 { vec![text.clone()] } else { vec![] }, text)
}

pub(super) fn playlist_type(stream: &Stream) -> Outcome {
    of_each_rendition(stream, "the type", |rendition| (!rendition.file.playlist.vod).then(|| "is not VOD".into()))
}

pub(super) fn end_list(stream: &Stream) -> Outcome {
    of_each_rendition(stream, "the end", |rendition| (!rendition.file.playlist.ended).then(|| "has no end".into()))
}

pub(super) fn independent(stream: &Stream) -> Outcome {
    let Some(first) = stream.playlists().next() else { return Outcome::NotApplicable("there is no playlist") };
    let broken = if first.playlist.independent { vec![] } else { vec![format!("{} does not", first.name)] };
    Outcome::of(broken, format!("{} says it", first.name))
}
