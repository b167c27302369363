//! Is a published stream whole? Asked before its original goes, by a function that has little memory, disk and time: of the
//! playlists, of the sizes that the listing tells, and of the beginnings of some segments. Runners, which have the room for
//! it, check every byte when they publish.

use std::collections::BTreeMap;

use clipset_bucket::{Bucket, BucketError};
use clipset_check::mpegts::Contents;
use clipset_core::{
    id::{EncodeId, RenditionName},
    key::MediaKey,
    playlist::MediaPlaylist,
    video::HlsStream,
};

/// An MPEG-TS segment consists of packets of so many bytes.
const PACKET: u64 = 188;

/// So much of a segment is read: its tables and, but for the largest pictures, its first one.
const BEGINNING: u64 = 1024 * PACKET;

/// Of so many segments of each rendition, the first and the last among them.
const BEGINNINGS: usize = 8;

/// What is wrong with the stream that is `seconds` long, in words for the log; `None` if it is whole.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn fault(bucket: &Bucket, stream: &HlsStream, seconds: f64) -> Result<Option<String>, BucketError> {
    let folder = format!("hls/{}/", stream.encode);
    let sizes: BTreeMap<_, _> = bucket.sizes(&folder).await?.into_iter().collect();
    if stream.renditions.is_empty() {
        return rendition(bucket, stream.encode, None, &sizes, seconds).await;
    }
    if !sizes.contains_key(&MediaKey::Master(stream.encode).to_string()) {
        return Ok(Some("its multivariant playlist is missing".to_owned()));
    }
    for name in &stream.renditions {
        if let Some(fault) = rendition(bucket, stream.encode, Some(name), &sizes, seconds).await? {
            return Ok(Some(format!("{name}: {fault}")));
        }
    }
    Ok(None)
}

async fn rendition(
    bucket: &Bucket,
    encode: EncodeId,
    name: Option<&RenditionName>,
    sizes: &BTreeMap<String, u64>,
    seconds: f64,
) -> Result<Option<String>, BucketError> {
    let key = name.map_or(MediaKey::Master(encode), |name| MediaKey::RenditionPlaylist(encode, name.clone()));
    let Some(text) = bucket.read_text(&key).await? else { return Ok(Some("its playlist is missing".to_owned())) };
    let playlist = match MediaPlaylist::parse(&text) {
        Ok(playlist) if playlist.ended && !playlist.segments.is_empty() => playlist,
        Ok(_) => return Ok(Some("its playlist is not complete".to_owned())),
        Err(error) => return Ok(Some(error.to_string())),
    };
    // A segment of slack: renditions end where their last picture does.
    if (playlist.duration() - seconds).abs() > playlist.target_duration() as f64 {
        return Ok(Some(format!("it lasts {:.1} s of {seconds:.1} s", playlist.duration())));
    }
    let segment = |uri: &str| MediaKey::Segment(encode, name.cloned(), uri.to_owned());
    for uri in playlist.segments.iter().map(|segment| &segment.uri) {
        match sizes.get(&segment(uri).to_string()) {
            None => return Ok(Some(format!("{uri} is missing"))),
            Some(size) if *size == 0 || size % PACKET != 0 => {
                return Ok(Some(format!("{uri} is cut off: it has {size} bytes")));
            }
            Some(_) => {}
        }
    }
    for number in spread(playlist.segments.len()) {
        let uri = &playlist.segments[number].uri;
        let held = Contents::read(&bucket.beginning(&segment(uri), BEGINNING).await?);
        if !(held.whole && held.tables_first && held.starts_with_idr) {
            return Ok(Some(format!("{uri} does not begin as a segment does")));
        }
    }
    Ok(None)
}

/// Numbers of at most [`BEGINNINGS`] of `count` segments, over the whole length.
fn spread(count: usize) -> impl Iterator<Item = usize> {
    let asked = count.min(BEGINNINGS);
    (0..asked).map(move |n| if asked < 2 { 0 } else { n * (count - 1) / (asked - 1) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_segment_are_among_those_that_are_read() {
        assert_eq!(spread(1).collect::<Vec<_>>(), [0]);
        assert_eq!(spread(3).collect::<Vec<_>>(), [0, 1, 2]);
        let many: Vec<_> = spread(1000).collect();
        assert_eq!((many.len(), many[0], many[7]), (BEGINNINGS, 0, 999));
    }
}
