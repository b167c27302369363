//! What must hold. Rules are checked one by one and by themselves, so that a stream that breaks one
//! of them is told by that one.

mod declared;
mod media;
mod playlists;

use crate::{
    report::{Finding, Verdict},
    stream::{Rendition, Stream},
};

/// A rule.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    name: &'static str,
    requirement: &'static str,
    source: &'static str,
    holds: fn(&Stream) -> Outcome,
}

/// What a rule says of a stream.
enum Outcome {
    /// It holds; what was seen.
    Holds(String),
    /// It does not, for these reasons.
    Broken(Vec<String>),
    /// The stream has nothing that it speaks of.
    NotApplicable(&'static str),
}

/// More reasons are only counted.
const MOST_REASONS: usize = 4;

impl Rule {
    /// Holds the stream against it.
    pub fn apply(&self, stream: &Stream) -> Finding {
        let (verdict, evidence) = match (self.holds)(stream) {
            Outcome::Holds(seen) => (Verdict::Pass, seen),
            Outcome::NotApplicable(why) => (Verdict::NotApplicable, why.to_owned()),
            Outcome::Broken(reasons) => {
                let more = reasons.len().saturating_sub(MOST_REASONS);
                let mut evidence = reasons[..reasons.len() - more].join("; ");
                if more > 0 {
                    evidence.push_str(&format!("; and {more} more"));
                }
                (Verdict::Fail, evidence)
            }
        };
        Finding { rule: self.name, requirement: self.requirement, source: self.source, verdict, evidence }
    }
}

impl Outcome {
    /// Holds without reasons against it.
    fn of(reasons: Vec<String>, seen: impl Into<String>) -> Self {
        if reasons.is_empty() { Self::Holds(seen.into()) } else { Self::Broken(reasons) }
    }

    /// A rule about what the multivariant playlist says of each rendition.
    fn of_variants(stream: &Stream, judge: impl Fn(&Rendition) -> Result<String, String>) -> Self {
        if stream.multivariant.is_none() {
            return Self::NotApplicable(ONE_RENDITION);
        }
        let (mut seen, mut broken) = (Vec::new(), Vec::new());
        for rendition in &stream.renditions {
            match judge(rendition) {
                Ok(evidence) => seen.push(format!("{} {evidence}", rendition.name)),
                Err(reason) => broken.push(format!("{} {reason}", rendition.name)),
            }
        }
        Self::of(broken, seen.join(", "))
    }
}

const ONE_RENDITION: &str = "one rendition: there is no multivariant playlist";

macro_rules! rule {
    ($holds:expr, $name:literal, $source:literal, $requirement:literal) => {
        Rule { name: $name, requirement: $requirement, source: $source, holds: $holds }
    };
}

macro_rules! absent {
    ($name:literal, $source:literal, $requirement:literal, $why:literal) => {
        rule!(|_| Outcome::NotApplicable($why), $name, $source, $requirement)
    };
}

/// Every rule, from the text of the playlists to the bytes of the segments.
pub const ALL: &[Rule] = &[
    rule!(
        playlists::text,
        "text",
        "RFC 8216 §4.1",
        "a playlist is UTF-8 without a byte order mark or control characters"
    ),
    rule!(playlists::first_line, "extm3u", "RFC 8216 §4.3.1.1", "the first line of a playlist is #EXTM3U"),
    rule!(playlists::readable, "readable", "RFC 8216 §4.1", "every line of a playlist can be read"),
    rule!(playlists::complete, "complete", "RFC 8216 §6.2.1", "every playlist and segment that is named is there"),
    rule!(playlists::uris, "uris", "contract §4", "no URI leads out of the stream's own folder"),
    rule!(
        playlists::one_kind,
        "one-kind",
        "RFC 8216 §4.1",
        "a playlist is a media playlist or a multivariant one, not both"
    ),
    rule!(
        playlists::known,
        "known",
        "contract §4",
        "nothing is used that this check knows nothing of, such as keys or discontinuities"
    ),
    rule!(
        playlists::version,
        "version",
        "RFC 8216 §4.3.1.2, §7",
        "EXT-X-VERSION stands there at most once and is as high as the tags need"
    ),
    rule!(
        playlists::target_duration,
        "target-duration",
        "RFC 8216 §4.3.3.1",
        "EXT-X-TARGETDURATION is there, and no EXTINF rounded to seconds is greater"
    ),
    rule!(
        playlists::equal_target_durations,
        "equal-target-durations",
        "RFC 8216 §6.2.4",
        "all renditions have the same target duration"
    ),
    rule!(
        playlists::playlist_type,
        "playlist-type",
        "Apple, media playlists; RFC 8216 §4.3.3.5",
        "a finished stream says EXT-X-PLAYLIST-TYPE:VOD"
    ),
    rule!(playlists::end_list, "endlist", "RFC 8216 §4.3.3.4, §6.2.1", "a finished media playlist says EXT-X-ENDLIST"),
    rule!(
        playlists::independent,
        "independent-segments",
        "Apple, multivariant playlists",
        "the playlist that a player begins with says EXT-X-INDEPENDENT-SEGMENTS"
    ),
    rule!(media::whole, "whole-packets", "ISO/IEC 13818-1 §2.4.3", "a segment consists of whole transport packets"),
    rule!(media::one_programme, "one-programme", "RFC 8216 §3.2", "a transport stream segment holds one programme"),
    rule!(media::tables_first, "tables-first", "RFC 8216 §3.2", "a segment begins with its PAT and PMT"),
    rule!(
        media::formats,
        "formats",
        "Apple, video and audio",
        "the picture is H.264 of at most High Profile, Level 5.2, and the sound AAC"
    ),
    rule!(
        media::idr,
        "idr",
        "RFC 8216 §4.3.5.1; Apple, media segmentation",
        "a segment begins with an IDR picture, and no picture is shown before it"
    ),
    rule!(
        media::durations,
        "durations",
        "RFC 8216 §4.3.2.1",
        "every EXTINF is what the segment lasts, within one picture"
    ),
    rule!(
        media::duration_sum,
        "duration-sum",
        "RFC 8216 §6.2.1; Apple, media segmentation",
        "all EXTINF together are what the media last, within one picture"
    ),
    rule!(
        media::continuous,
        "continuous",
        "RFC 8216 §3, §4.3.4.3",
        "without EXT-X-DISCONTINUITY the time stamps of a segment go on where the last one ended"
    ),
    rule!(media::frame_rate_limit, "frame-rate-limit", "Apple, video", "there are no more than 60 pictures a second"),
    rule!(
        media::sound,
        "sound",
        "RFC 8216 §4.3.4.2; Apple, multivariant playlists",
        "there is sound where and only where it is declared"
    ),
    rule!(
        declared::bandwidth,
        "bandwidth",
        "Apple, bit rates; RFC 8216 §4.3.4.2",
        "BANDWIDTH is the measured peak segment bit rate, within 10 %"
    ),
    rule!(
        declared::average_bandwidth,
        "average-bandwidth",
        "Apple, bit rates; RFC 8216 §4.3.4.2",
        "AVERAGE-BANDWIDTH is the measured average segment bit rate, within 10 %"
    ),
    rule!(declared::codecs, "codecs", "RFC 8216 §4.3.4.2, RFC 6381", "CODECS are those of the bytes"),
    rule!(declared::resolution, "resolution", "Apple, multivariant playlists", "RESOLUTION is the size of the picture"),
    rule!(
        declared::frame_rate,
        "frame-rate",
        "Apple, multivariant playlists",
        "FRAME-RATE is the number of pictures a second"
    ),
    rule!(
        declared::aligned,
        "aligned",
        "RFC 8216 §6.2.4; Apple, media segmentation",
        "all renditions are cut at the same time stamps, within one picture"
    ),
    absent!(
        "i-frame-playlists",
        "Apple, trick play",
        "I-frame playlists stand beside the variants",
        "there are none: previews are the storyboard's"
    ),
    absent!("encryption", "RFC 8216 §4.3.2.4", "keys can be loaded", "segments are signed, not encrypted"),
    absent!("initialisation", "RFC 8216 §3.3", "fragmented MP4 has its EXT-X-MAP", "segments are MPEG-TS"),
    absent!(
        "alternate-renditions",
        "RFC 8216 §4.3.4.1",
        "groups of EXT-X-MEDIA are whole",
        "sound is in the segments, and there are no subtitles"
    ),
    absent!("live", "RFC 8216 §6.2.2", "a live playlist moves on in time", "the stream is finished"),
];
