//! HLS playlists (RFC 8216): read and written with `quick-m3u8`, which keeps every line that it
//! does not know, so that signing changes URIs and nothing else.

use std::borrow::Cow;

use quick_m3u8::{
    HlsLine, Reader, Writer,
    config::{ParsingOptions, ParsingOptionsBuilder},
    tag::{
        DecimalResolution, HlsPlaylistType, KnownTag, UnknownTag,
        hls::{self, Tag},
    },
};

use crate::id::RenditionName;

/// The media type of a playlist (RFC 8216 §10).
pub const CONTENT_TYPE: &str = "application/vnd.apple.mpegurl";

/// What is wrong with a playlist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaylistError {
    /// The first line is not `#EXTM3U`.
    #[error("the playlist does not begin with #EXTM3U")]
    NotAPlaylist,
    /// A tag that must be understood cannot be read.
    #[error("the playlist has a line that cannot be read: {0}")]
    Malformed(String),
    /// A URI that leads out of the encode's own folder.
    #[error("the playlist names something that is not beside it: {0}")]
    ForeignUri(String),
}

/// One segment of a media playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    /// Seconds, as in `EXTINF`.
    pub duration: f64,
    /// Relative to the playlist.
    pub uri: String,
    /// What it can be played from, if that is more than its beginning; together they are the segment.
    pub pieces: Vec<Piece>,
}

/// A part of a segment that needs none before it: program tables, then an IDR picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Seconds.
    pub duration: f64,
    /// Its size.
    pub bytes: u64,
}

/// The pieces of the segment that comes next, `{seconds}/{bytes}` with commas between. Players that do not know the tag
/// ignore it (RFC 8216 §6.3.1) and load whole segments; ours asks for a segment from a piece on.
const PIECES: &str = "-X-CLIPSET-PIECES";

/// A complete (VOD) media playlist whose segments each start with an IDR picture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MediaPlaylist {
    /// In presentation order.
    pub segments: Vec<Segment>,
    /// `EXT-X-ENDLIST` was there.
    pub ended: bool,
}

/// One rendition of a multivariant playlist.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Names its folder.
    pub name: RenditionName,
    /// The highest bit rate of any segment, bits a second (RFC 8216 §4.3.4.2).
    pub bandwidth: u64,
    /// All bits over all seconds.
    pub average_bandwidth: u64,
    /// RFC 6381, such as `avc1.64001f,mp4a.40.2`.
    pub codecs: String,
    /// Pixels.
    pub width: u64,
    /// Pixels.
    pub height: u64,
    /// Pictures a second.
    pub frame_rate: f64,
}

impl MediaPlaylist {
    /// Reads a media playlist.
    ///
    /// # Errors
    /// [`PlaylistError`] if it is none, or a tag of it cannot be read.
    pub fn parse(text: &str) -> Result<Self, PlaylistError> {
        let mut playlist = Self::default();
        let mut duration = None;
        let mut pieces = Vec::new();
        for line in Lines::of(text, ParsingOptions::default())? {
            match line? {
                HlsLine::UnknownTag(tag) if tag.name() == PIECES => pieces = read_pieces(&tag)?,
                HlsLine::KnownTag(KnownTag::Hls(Tag::Inf(inf))) => duration = Some(inf.duration()),
                HlsLine::KnownTag(KnownTag::Hls(Tag::Endlist(_))) => playlist.ended = true,
                HlsLine::Uri(uri) => {
                    let duration =
                        duration.take().ok_or_else(|| PlaylistError::Malformed(format!("{uri} without its EXTINF")))?;
                    let pieces = std::mem::take(&mut pieces);
                    playlist.segments.push(Segment { duration, uri: uri.into_owned(), pieces });
                }
                _ => {}
            }
        }
        Ok(playlist)
    }

    /// The longest segment, rounded to whole seconds as `EXT-X-TARGETDURATION` wants (§4.3.3.1).
    pub fn target_duration(&self) -> u64 {
        let longest = self.segments.iter().map(|segment| segment.duration).fold(1.0, f64::max);
        longest.round() as u64
    }

    /// The sum of all segments in seconds.
    pub fn duration(&self) -> f64 {
        self.segments.iter().map(|segment| segment.duration).sum()
    }

    /// The playlist as text, with `target_duration` (renditions of one video share the greatest).
    pub fn to_text(&self, target_duration: u64) -> String {
        let mut lines = vec![
            HlsLine::from(hls::M3u),
            HlsLine::from(hls::Version::new(3)),
            HlsLine::from(hls::Targetduration::new(target_duration)),
            HlsLine::from(hls::MediaSequence::new(0)),
            HlsLine::from(hls::PlaylistType::new(HlsPlaylistType::Vod)),
            HlsLine::from(hls::IndependentSegments),
        ];
        for segment in &self.segments {
            if segment.pieces.len() > 1 {
                let pieces: Vec<String> =
                    segment.pieces.iter().map(|piece| format!("{:.6}/{}", piece.duration, piece.bytes)).collect();
                lines.push(HlsLine::Comment(format!("EXT{PIECES}:{}", pieces.join(",")).into()));
            }
            // The comma is not optional in RFC 8216 §4.3.2.1, and players have come to want it.
            lines.push(HlsLine::Comment(format!("EXTINF:{:.6},", segment.duration).into()));
            lines.push(HlsLine::Uri(segment.uri.as_str().into()));
        }
        if self.ended {
            lines.push(HlsLine::from(hls::Endlist));
        }
        write(lines)
    }
}

fn read_pieces(tag: &UnknownTag<'_>) -> Result<Vec<Piece>, PlaylistError> {
    let value = tag.value().map(|value| String::from_utf8_lossy(value.0).into_owned()).unwrap_or_default();
    let piece = |text: &str| {
        let (duration, bytes) = text.split_once('/')?;
        Some(Piece { duration: duration.parse().ok()?, bytes: bytes.parse().ok()? })
    };
    let pieces: Option<Vec<Piece>> = value.split(',').map(piece).collect();
    pieces.ok_or_else(|| PlaylistError::Malformed(format!("#EXT{PIECES}:{value}")))
}

/// What a multivariant playlist that another program wrote says of its variants, and their URIs. Names are not read:
/// `name` is given to all.
///
/// # Errors
/// [`PlaylistError`] if it is none, or a variant does not say what players choose by.
pub fn variants_of(text: &str, name: &RenditionName) -> Result<Vec<(Variant, String)>, PlaylistError> {
    let mut variants = Vec::new();
    let mut described: Option<Variant> = None;
    for line in Lines::of(text, ParsingOptions::default())? {
        match line? {
            HlsLine::KnownTag(KnownTag::Hls(Tag::StreamInf(stream))) => {
                let missing = |what: &str| PlaylistError::Malformed(format!("EXT-X-STREAM-INF without {what}"));
                let size = stream.resolution().ok_or_else(|| missing("RESOLUTION"))?;
                described = Some(Variant {
                    name: name.clone(),
                    bandwidth: stream.bandwidth(),
                    average_bandwidth: stream.average_bandwidth().unwrap_or(stream.bandwidth()),
                    codecs: stream.codecs().ok_or_else(|| missing("CODECS"))?.to_owned(),
                    width: size.width,
                    height: size.height,
                    frame_rate: stream.frame_rate().ok_or_else(|| missing("FRAME-RATE"))?,
                });
            }
            HlsLine::Uri(uri) => {
                let variant = described.take();
                let variant = variant.ok_or_else(|| PlaylistError::Malformed(format!("{uri} without its tag")))?;
                variants.push((variant, uri.into_owned()));
            }
            _ => {}
        }
    }
    Ok(variants)
}

/// A multivariant playlist: `variants` in the order given, each at `{name}/playlist.m3u8`.
pub fn multivariant(variants: &[Variant]) -> String {
    let mut lines =
        vec![HlsLine::from(hls::M3u), HlsLine::from(hls::Version::new(3)), HlsLine::from(hls::IndependentSegments)];
    for variant in variants {
        let stream = hls::StreamInf::builder()
            .with_bandwidth(variant.bandwidth)
            .with_average_bandwidth(variant.average_bandwidth)
            .with_codecs(variant.codecs.as_str())
            .with_resolution(DecimalResolution { width: variant.width, height: variant.height })
            // Three decimals, as §4.3.4.2 asks.
            .with_frame_rate((variant.frame_rate * 1000.0).round() / 1000.0)
            .finish();
        lines.push(HlsLine::from(stream));
        lines.push(HlsLine::Uri(format!("{}/playlist.m3u8", variant.name).into()));
    }
    write(lines)
}

/// The same playlist with every URI, on lines of its own and in attributes, put through `replace`.
///
/// # Errors
/// [`PlaylistError`] if it is no playlist, or of `replace`.
pub fn map_uris(
    text: &str,
    mut replace: impl FnMut(&str) -> Result<String, PlaylistError>,
) -> Result<String, PlaylistError> {
    let options = ParsingOptionsBuilder::new()
        .with_parsing_for_m3u()
        .with_parsing_for_map()
        .with_parsing_for_media()
        .with_parsing_for_key()
        .with_parsing_for_session_key()
        .with_parsing_for_session_data()
        .with_parsing_for_i_frame_stream_inf()
        .with_parsing_for_part()
        .with_parsing_for_preload_hint()
        .with_parsing_for_rendition_report()
        .build();
    let mut lines = Vec::new();
    for line in Lines::of(text, options)? {
        lines.push(match line? {
            HlsLine::Uri(uri) => HlsLine::Uri(Cow::Owned(replace(&uri)?)),
            HlsLine::KnownTag(KnownTag::Hls(mut tag)) => {
                map_attribute(&mut tag, &mut replace)?;
                HlsLine::KnownTag(KnownTag::Hls(tag))
            }
            other => other,
        });
    }
    Ok(write(lines))
}

fn map_attribute(
    tag: &mut Tag<'_>,
    replace: &mut impl FnMut(&str) -> Result<String, PlaylistError>,
) -> Result<(), PlaylistError> {
    macro_rules! map {
        ($tag:expr) => {{
            let uri = replace($tag.uri())?;
            $tag.set_uri(uri);
        }};
        (optional $tag:expr) => {{
            if let Some(uri) = $tag.uri().map(|uri| replace(uri)).transpose()? {
                $tag.set_uri(uri);
            }
        }};
    }
    match tag {
        Tag::Map(map) => map!(map),
        Tag::IFrameStreamInf(stream) => map!(stream),
        Tag::SessionKey(key) => map!(key),
        Tag::Part(part) => map!(part),
        Tag::PreloadHint(hint) => map!(hint),
        Tag::RenditionReport(report) => map!(report),
        Tag::Media(media) => map!(optional media),
        Tag::Key(key) => map!(optional key),
        Tag::SessionData(data) => map!(optional data),
        _ => {}
    }
    Ok(())
}

/// The edge path of `uri`, which a playlist in the folder `folder` (`/hls/{uuid}/`) names.
///
/// # Errors
/// [`PlaylistError::ForeignUri`] unless it leads to something below that folder.
pub fn resolve(folder: &str, uri: &str) -> Result<String, PlaylistError> {
    let path = format!("{folder}{uri}");
    if crate::path::is_edge_path(&path) { Ok(path) } else { Err(PlaylistError::ForeignUri(uri.to_owned())) }
}

struct Lines<'a> {
    reader: Reader<&'a str, quick_m3u8::tag::NoCustomTag>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str, options: ParsingOptions) -> Result<Self, PlaylistError> {
        if !text.starts_with("#EXTM3U") {
            return Err(PlaylistError::NotAPlaylist);
        }
        Ok(Self { reader: Reader::from_str(text, options) })
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Result<HlsLine<'a>, PlaylistError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.reader.read_line() {
            Ok(line) => line.map(Ok),
            Err(error) => Some(Err(PlaylistError::Malformed(error.errored_line.to_owned()))),
        }
    }
}

fn write(lines: Vec<HlsLine<'_>>) -> String {
    let mut writer = Writer::new(Vec::new());
    for line in lines {
        writer.write_line(line).expect("writing to memory does not fail");
    }
    String::from_utf8(writer.into_inner()).expect("lines are text")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:4\n#EXT-X-X-OWN:kept\n\
        #EXTINF:4.000000,\nsegment000.ts\n#EXTINF:2.500000,\nsegment001.ts\n#EXT-X-ENDLIST\n";

    #[test]
    fn signing_changes_uris_and_nothing_else() {
        let signed = map_uris(STORED, |uri| resolve("/hls/x/", uri).map(|path| path + "?md5=s&expires=1"));
        let expected = STORED
            .replace("segment000.ts", "/hls/x/segment000.ts?md5=s&expires=1")
            .replace("\nsegment001.ts", "\n/hls/x/segment001.ts?md5=s&expires=1");
        assert_eq!(signed, Ok(expected));
    }

    #[test]
    fn attributes_are_signed_too() {
        let stored = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXTINF:4.0,\nsegment000.m4s\n";
        let signed = map_uris(stored, |uri| Ok(format!("/signed/{uri}"))).expect("a playlist");
        assert!(signed.contains("#EXT-X-MAP:URI=\"/signed/init.mp4\""), "{signed}");
        assert!(signed.contains("\n/signed/segment000.m4s"), "{signed}");
    }

    #[test]
    fn uris_that_lead_elsewhere_are_refused() {
        for uri in ["../other/segment000.ts", "/etc/passwd", "http://x/y.ts", "a/../../b.ts", "b%2fc.ts", "c.ts?x=1"] {
            assert_eq!(resolve("/hls/x/", uri), Err(PlaylistError::ForeignUri(uri.to_owned())));
        }
        assert_eq!(resolve("/hls/x/", "720p/segment000.ts"), Ok("/hls/x/720p/segment000.ts".to_owned()));
    }

    #[test]
    fn what_is_written_reads_back_the_same() {
        let playlist = MediaPlaylist {
            segments: vec![
                Segment {
                    duration: 4.0,
                    uri: "segment000.ts".into(),
                    pieces: vec![Piece { duration: 1.5, bytes: 1880 }, Piece { duration: 2.5, bytes: 3760 }],
                },
                Segment { duration: 3.966_667, uri: "segment001.ts".into(), pieces: Vec::new() },
            ],
            ended: true,
        };
        let text = playlist.to_text(playlist.target_duration());
        assert!(text.contains("#EXT-X-TARGETDURATION:4\n"), "{text}");
        assert!(
            text.contains("\n#EXT-X-CLIPSET-PIECES:1.500000/1880,2.500000/3760\n#EXTINF:4.000000,\nsegment000.ts\n"),
            "{text}"
        );
        assert!(text.contains("\nsegment000.ts\n#EXTINF:3.966667,\nsegment001.ts\n"), "{text}");
        assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD\n") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        assert_eq!(MediaPlaylist::parse(&text), Ok(playlist));
    }

    #[test]
    fn a_multivariant_playlist_names_what_players_choose_by() {
        let text = multivariant(&[Variant {
            name: "720p".parse().expect("a name"),
            bandwidth: 3_000_000,
            average_bandwidth: 2_500_000,
            codecs: "avc1.64001f,mp4a.40.2".into(),
            width: 1280,
            height: 720,
            frame_rate: 29.97003,
        }]);
        assert!(
            text.contains(
                "#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS=\"avc1.64001f,mp4a.40.2\",\
                 RESOLUTION=1280x720,FRAME-RATE=29.97\n720p/playlist.m3u8\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn variants_of_another_program_read_back() {
        let variant = Variant {
            name: "720p".parse().expect("a name"),
            bandwidth: 3_000_000,
            average_bandwidth: 2_500_000,
            codecs: "avc1.64001f,mp4a.40.2".into(),
            width: 1280,
            height: 720,
            frame_rate: 25.0,
        };
        let text = multivariant(std::slice::from_ref(&variant));
        let read = variants_of(&text, &variant.name);
        assert_eq!(read, Ok(vec![(variant.clone(), "720p/playlist.m3u8".to_owned())]));
        let without = text.replace("CODECS=\"avc1.64001f,mp4a.40.2\",", "");
        assert!(variants_of(&without, &variant.name).is_err());
    }

    #[test]
    fn other_files_are_not_playlists() {
        assert_eq!(MediaPlaylist::parse("<html>"), Err(PlaylistError::NotAPlaylist));
        assert!(matches!(MediaPlaylist::parse("#EXTM3U\na.ts\n"), Err(PlaylistError::Malformed(_))));
    }
}
