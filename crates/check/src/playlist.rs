//! A playlist as it stands, with everything that is wrong about it: unlike a player, a check does
//! not give up at the first fault.

use quick_m3u8::{
    HlsLine, Reader,
    config::ParsingOptions,
    tag::{HlsPlaylistType, KnownTag, NoCustomTag, hls::Tag},
};

/// A segment of a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Inf {
    /// Seconds, as `EXTINF` says.
    pub duration: f64,
    /// As it is written.
    pub uri: String,
}

/// A variant of a multivariant playlist (RFC 8216 §4.3.4.2).
#[derive(Debug, Clone, PartialEq, Default)]
#[expect(missing_docs, reason = "the attributes' own names")]
pub struct Variant {
    pub uri: String,
    pub bandwidth: Option<u64>,
    pub average_bandwidth: Option<u64>,
    pub codecs: Option<String>,
    pub resolution: Option<(u64, u64)>,
    pub frame_rate: Option<f64>,
}

/// A playlist of either kind.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Playlist {
    /// Every `EXT-X-VERSION`.
    pub versions: Vec<u64>,
    /// Every `EXT-X-TARGETDURATION`, seconds.
    pub target_durations: Vec<u64>,
    /// `EXT-X-PLAYLIST-TYPE:VOD`.
    pub vod: bool,
    /// `EXT-X-ENDLIST`.
    pub ended: bool,
    /// `EXT-X-INDEPENDENT-SEGMENTS`.
    pub independent: bool,
    /// Of a media playlist.
    pub segments: Vec<Inf>,
    /// A duration is written with a decimal point.
    pub decimals: bool,
    /// Of a multivariant playlist.
    pub variants: Vec<Variant>,
    /// Tags that belong to media playlists alone.
    pub has_media_tags: bool,
    /// Tags that a stream of this kind has no use for.
    pub unknown_use: Vec<String>,
    /// URIs in attributes.
    pub other_uris: Vec<String>,
    /// Lines that cannot be read.
    pub malformed: Vec<String>,
}

impl Playlist {
    /// Reads `text`.
    pub fn parse(text: &str) -> Self {
        let mut playlist = Self::default();
        let (mut duration, mut variant) = (None, None);
        let mut reader = Reader::<_, NoCustomTag>::from_str(text, ParsingOptions::default());
        loop {
            match reader.read_line() {
                Ok(None) => break,
                Ok(Some(HlsLine::KnownTag(KnownTag::Hls(tag)))) => match tag {
                    Tag::Inf(inf) => duration = Some(inf.duration()),
                    Tag::StreamInf(stream) => {
                        variant = Some(Variant {
                            uri: String::new(),
                            bandwidth: Some(stream.bandwidth()),
                            average_bandwidth: stream.average_bandwidth(),
                            codecs: stream.codecs().map(str::to_owned),
                            resolution: stream.resolution().map(|size| (size.width, size.height)),
                            frame_rate: stream.frame_rate(),
                        });
                    }
                    tag => playlist.tag(&tag),
                },
                Ok(Some(HlsLine::Uri(uri))) => match (duration.take(), variant.take()) {
                    (Some(duration), None) => playlist.segments.push(Inf { duration, uri: uri.into_owned() }),
                    (None, Some(variant)) => playlist.variants.push(Variant { uri: uri.into_owned(), ..variant }),
                    _ => playlist.malformed.push(format!("{uri} without a tag that says what it is")),
                },
                // The reader passes over a tag that lacks what it must have.
                Ok(Some(HlsLine::UnknownTag(tag))) if is_ours(tag.name()) => {
                    playlist.malformed.push(format!("a tag {}", tag.name()));
                }
                Ok(Some(_)) => {}
                Err(error) => playlist.malformed.push(error.errored_line.to_owned()),
            }
        }
        playlist.decimals = text.lines().any(|line| line.starts_with("#EXTINF:") && line.contains('.'));
        playlist
    }

    fn tag(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Version(version) => self.versions.push(version.version()),
            Tag::IndependentSegments(_) => self.independent = true,
            Tag::Targetduration(target) => self.target_durations.push(target.target_duration()),
            Tag::PlaylistType(kind) => self.vod = kind.playlist_type() == HlsPlaylistType::Vod,
            Tag::Endlist(_) => self.ended = true,
            Tag::Key(key) => self.names("EXT-X-KEY", key.uri()),
            Tag::Map(map) => self.names("EXT-X-MAP", Some(map.uri())),
            Tag::Media(media) => self.names("EXT-X-MEDIA", media.uri()),
            Tag::SessionKey(key) => self.names("EXT-X-SESSION-KEY", Some(key.uri())),
            Tag::SessionData(data) => self.names("EXT-X-SESSION-DATA", data.uri()),
            Tag::IFrameStreamInf(stream) => self.names("EXT-X-I-FRAME-STREAM-INF", Some(stream.uri())),
            Tag::IFramesOnly(_) => self.names("EXT-X-I-FRAMES-ONLY", None),
            Tag::Byterange(_) => self.names("EXT-X-BYTERANGE", None),
            Tag::Discontinuity(_) => self.names("EXT-X-DISCONTINUITY", None),
            Tag::Gap(_) => self.names("EXT-X-GAP", None),
            Tag::Part(part) => self.names("EXT-X-PART", Some(part.uri())),
            Tag::PreloadHint(hint) => self.names("EXT-X-PRELOAD-HINT", Some(hint.uri())),
            Tag::RenditionReport(report) => self.names("EXT-X-RENDITION-REPORT", Some(report.uri())),
            _ => {}
        }
        self.has_media_tags |=
            matches!(tag, Tag::Targetduration(_) | Tag::PlaylistType(_) | Tag::Endlist(_) | Tag::MediaSequence(_));
    }

    fn names(&mut self, tag: &str, uri: Option<&str>) {
        self.unknown_use.push(tag.to_owned());
        self.other_uris.extend(uri.map(str::to_owned));
    }
}

/// Tags that this check goes by.
fn is_ours(name: &str) -> bool {
    ["INF", "-X-STREAM-INF", "-X-VERSION", "-X-TARGETDURATION", "-X-PLAYLIST-TYPE"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_playlist_is_read_with_all_that_rules_ask_for() {
        let text = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-PLAYLIST-TYPE:VOD\n\
            #EXT-X-INDEPENDENT-SEGMENTS\n#EXTINF:4.0,\na.ts\n#EXT-X-ENDLIST\n";
        let playlist = Playlist::parse(text);
        assert_eq!((&playlist.versions[..], &playlist.target_durations[..]), (&[3][..], &[4][..]));
        assert!(playlist.vod && playlist.ended && playlist.independent && playlist.decimals && playlist.has_media_tags);
        assert_eq!(playlist.segments, [Inf { duration: 4.0, uri: "a.ts".into() }]);
        assert!(!Playlist::parse(&text.replace("VOD", "EVENT")).vod);
    }

    #[test]
    fn what_cannot_be_read_is_kept_and_the_rest_is_read() {
        let playlist =
            Playlist::parse("#EXTM3U\n#EXT-X-TARGETDURATION:x\nlost.ts\n#EXTINF:1,\na.ts\n#EXTINF:soon,\nb.ts\n");
        assert_eq!(playlist.segments.len(), 1);
        assert!(playlist.malformed.len() >= 3, "{:?}", playlist.malformed);
        let playlist = Playlist::parse("#EXTM3U\n#EXT-X-STREAM-INF:CODECS=\"x\"\n720p/playlist.m3u8\n");
        assert!(playlist.variants.is_empty() && !playlist.malformed.is_empty());
    }
}
