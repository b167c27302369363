//! Playlists from measured segments: true durations, true bit rates, codecs from the bytes.

use clipset_core::{
    id::RenditionName,
    playlist::{MediaPlaylist, Piece, Segment, Variant, multivariant},
};

use crate::{
    mpegts::{CLOCK, Contents, ticks_between},
    plan::Rung,
};

/// One rendition as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its size and name.
    pub rung: Rung,
    /// In order.
    pub segments: Vec<Contents>,
}

/// The name that the muxer gives segment `number`.
pub fn segment_name(number: usize) -> String {
    format!("segment{number:03}.ts")
}

impl Measured {
    /// The media playlist: each duration is the distance between first pictures, the last one's
    /// reaches to the end of the last picture.
    pub fn playlist(&self, frame_rate: f64) -> MediaPlaylist {
        let next = self.segments.iter().skip(1).map(Some).chain([None]);
        let segments = self.segments.iter().zip(next).enumerate().map(|(number, (segment, next))| {
            let ticks = match next {
                Some(next) => ticks_between(segment.first, next.first) as f64,
                None => ticks_between(segment.first, segment.last) as f64 + last_picture(segment, frame_rate),
            };
            Segment { duration: ticks / CLOCK, uri: segment_name(number), pieces: pieces(segment, ticks) }
        });
        MediaPlaylist { segments: segments.collect(), ended: true }
    }

    /// Its line in the multivariant playlist; `None` if it has no picture.
    pub fn variant(&self, playlist: &MediaPlaylist, target_duration: u64, frame_rate: f64) -> Option<Variant> {
        let durations = playlist.segments.iter().map(|segment| segment.duration);
        let sizes: Vec<(f64, f64)> =
            self.segments.iter().map(|segment| segment.bytes as f64 * 8.0).zip(durations).collect();
        let average = average(&sizes);
        Some(Variant {
            name: self.rung.name.clone(),
            bandwidth: peak(&sizes, target_duration as f64).max(average).ceil() as u64,
            average_bandwidth: average.ceil() as u64,
            codecs: self.segments.first()?.codecs()?,
            width: self.rung.width.into(),
            height: self.rung.height.into(),
            frame_rate,
        })
    }
}

/// The playlists of all renditions with one target duration, and the multivariant one above them.
#[derive(Debug, Clone, PartialEq)]
pub struct Playlists {
    /// By rendition, best first.
    pub media: Vec<(RenditionName, String)>,
    /// `master.m3u8` of several renditions.
    pub multivariant: String,
    /// Seconds, of the best rendition.
    pub duration: f64,
}

/// Makes the playlists; `None` if a rendition has no picture.
pub fn playlists(renditions: &[Measured], frame_rate: f64) -> Option<Playlists> {
    let playlists: Vec<MediaPlaylist> = renditions.iter().map(|rendition| rendition.playlist(frame_rate)).collect();
    let target = playlists.iter().map(MediaPlaylist::target_duration).max()?;
    let both = || renditions.iter().zip(&playlists);
    let variants: Option<Vec<Variant>> =
        both().map(|(rendition, playlist)| rendition.variant(playlist, target, frame_rate)).collect();
    Some(Playlists {
        media: both().map(|(rendition, playlist)| (rendition.rung.name.clone(), playlist.to_text(target))).collect(),
        multivariant: multivariant(&variants?),
        duration: playlists.first()?.duration(),
    })
}

/// Whether all renditions are cut at the same pictures, within a quarter of one.
pub fn aligned(renditions: &[Measured], frame_rate: f64) -> bool {
    let near = (CLOCK / frame_rate.max(1.0) / 4.0) as i64;
    let Some((first, others)) = renditions.split_first() else { return true };
    others.iter().all(|other| {
        other.segments.len() == first.segments.len()
            && other.segments.iter().zip(&first.segments).all(|(a, b)| ticks_between(a.first, b.first).abs() <= near)
    })
}

/// Ticks for which the last picture of `segment` is shown.
fn last_picture(segment: &Contents, frame_rate: f64) -> f64 {
    let shown = ticks_between(segment.first, segment.last) as f64;
    if segment.pictures > 1 { shown / (segment.pictures - 1) as f64 } else { CLOCK / frame_rate.max(1.0) }
}

/// From one place to play from to the next, over `ticks` in all.
fn pieces(segment: &Contents, ticks: f64) -> Vec<Piece> {
    let places: Vec<(f64, u64)> =
        segment.entries.iter().map(|entry| (ticks_between(segment.first, entry.time) as f64, entry.byte)).collect();
    let ends = places.iter().copied().skip(1).chain([(ticks, segment.bytes)]);
    let piece = |((from, first), (to, end)): ((f64, u64), (f64, u64))| Piece {
        duration: (to - from) / CLOCK,
        bytes: end.saturating_sub(first),
    };
    places.iter().copied().zip(ends).map(piece).collect()
}

fn average(sizes: &[(f64, f64)]) -> f64 {
    let (bits, seconds) = sizes.iter().fold((0.0, 0.0), |sum, size| (sum.0 + size.0, sum.1 + size.1));
    if seconds > 0.0 { bits / seconds } else { 0.0 }
}

/// The peak segment bit rate (RFC 8216 §4.1): the highest of any run of segments that lasts between
/// half and one and a half target durations. A last segment of a few pictures does not count alone.
fn peak(sizes: &[(f64, f64)], target: f64) -> f64 {
    let mut peak: f64 = 0.0;
    for start in 0..sizes.len() {
        let (mut bits, mut seconds) = (0.0, 0.0);
        for size in &sizes[start..] {
            bits += size.0;
            seconds += size.1;
            if seconds > 1.5 * target {
                break;
            }
            if seconds >= 0.5 * target {
                peak = peak.max(bits / seconds);
            }
        }
    }
    peak
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mpegts::Entry;

    fn segment(first: f64, last: f64, pictures: u64, bytes: u64) -> Contents {
        Contents {
            bytes,
            starts_with_idr: true,
            first: (first * CLOCK).round() as i64,
            last: (last * CLOCK).round() as i64,
            pictures,
            profile: Some([0x64, 0, 0x1e]),
            audio_object: Some(2),
            entries: Vec::new(),
        }
    }

    fn rendition(name: &str, segments: Vec<Contents>) -> Measured {
        Measured { rung: Rung { name: name.parse().expect("a name"), width: 640, height: 360 }, segments }
    }

    #[test]
    fn durations_are_the_distances_of_first_pictures() {
        let one = rendition("360p", vec![segment(0.1, 4.06, 100, 1), segment(4.1, 6.06, 50, 1)]);
        let durations: Vec<f64> = one.playlist(25.0).segments.iter().map(|segment| segment.duration).collect();
        assert!((durations[0] - 4.0).abs() < 1e-4 && (durations[1] - 2.0).abs() < 1e-4, "{durations:?}");
        let single = rendition("360p", vec![segment(0.1, 0.1, 1, 1)]);
        assert!((single.playlist(25.0).duration() - 0.04).abs() < 1e-9);
    }

    #[test]
    fn pieces_reach_from_one_idr_picture_to_the_next_and_are_the_whole_segment() {
        let entry = |seconds: f64, byte| Entry { time: (seconds * CLOCK).round() as i64, byte };
        let whole = Contents { entries: vec![entry(0.1, 0), entry(2.1, 1880)], ..segment(0.1, 4.06, 100, 5640) };
        let playlist = rendition("360p", vec![whole, segment(4.1, 6.06, 50, 1)]).playlist(25.0);
        assert_eq!(
            playlist.segments[0].pieces,
            [Piece { duration: 2.0, bytes: 1880 }, Piece { duration: 2.0, bytes: 3760 }]
        );
        assert_eq!(playlist.segments[1].pieces, []);
    }

    #[test]
    fn the_peak_is_that_of_runs_about_as_long_as_a_segment() {
        // 8 Mbit in 4 s, 16 in 4 s, and a stub of 0.04 s at 100 Mbit/s.
        let sizes = [(8e6, 4.0), (16e6, 4.0), (4e6, 0.04)];
        assert_eq!(peak(&sizes, 4.0), 20e6 / 4.04);
        assert_eq!(average(&sizes), 28e6 / 8.04);
        assert_eq!(peak(&[(1e6, 0.5)], 4.0), 0.0, "then the average stands for it");
    }

    #[test]
    fn all_renditions_share_the_longest_target_duration() {
        let long = rendition("720p", vec![segment(0.0, 5.56, 140, 4_000_000), segment(5.6, 8.0, 60, 1_000_000)]);
        let short = rendition("360p", vec![segment(0.0, 3.96, 100, 1_000_000), segment(4.0, 8.0, 100, 500_000)]);
        let made = playlists(&[long, short], 25.0).expect("pictures");
        for (_, text) in &made.media {
            assert!(text.contains("#EXT-X-TARGETDURATION:6\n"), "{text}");
        }
        assert!(made.multivariant.contains("CODECS=\"avc1.64001e,mp4a.40.2\""), "{}", made.multivariant);
        assert!(made.multivariant.find("720p/").expect("there") < made.multivariant.find("360p/").expect("there"));
    }

    #[test]
    fn renditions_that_are_cut_elsewhere_are_not_aligned() {
        let one = rendition("720p", vec![segment(0.0, 3.9, 100, 1), segment(4.0, 8.0, 100, 1)]);
        let same = rendition("360p", vec![segment(0.0, 3.9, 100, 1), segment(4.0, 8.0, 100, 1)]);
        let other = rendition("360p", vec![segment(0.0, 3.9, 100, 1), segment(4.04, 8.0, 100, 1)]);
        let fewer = rendition("360p", vec![segment(0.0, 8.0, 200, 1)]);
        assert!(aligned(&[one.clone(), same], 25.0));
        assert!(!aligned(&[one.clone(), other], 25.0));
        assert!(!aligned(&[one, fewer], 25.0));
    }
}
