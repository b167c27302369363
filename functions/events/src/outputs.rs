//! What MediaConvert wrote, made into what players get: our playlists over its segments.
//!
//! Each rendition is an output group of its own, `hls/{uuid}/[{rendition}/]segment…`, with a
//! multivariant playlist `segment.m3u8` that tells codecs and bit rates, and a media playlist whose
//! durations are the segments' own.

use clipset_bucket::{Bucket, BucketError};
use clipset_core::{
    Timestamp,
    id::{EncodeId, RenditionName},
    job::Job,
    key::MediaKey,
    playlist::{self, MediaPlaylist, Variant},
    video::{HlsStream, Publication},
};

use crate::{backend::Output, dispatch::Outputs};

/// What MediaConvert is told to call files; it adds to it.
pub(crate) const SEGMENT: &str = "segment";
/// And what it adds to a frame that it captures.
const FIRST_FRAME: &str = "0000000.jpg";

/// What the owner is told.
pub(crate) const UNREADABLE: &str =
    "The video could not be prepared: what MediaConvert made of it is not whole. Try again.";

/// Why there is nothing to publish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// What was written is not whole; in words for the log.
    #[error("{0}")]
    NotWhole(String),
    /// The bucket.
    #[error(transparent)]
    Bucket(#[from] BucketError),
}

fn not_whole<T>(reason: String) -> Result<T, OutputError> {
    Err(OutputError::NotWhole(reason))
}

/// One rendition as it was written.
struct Written {
    name: Option<RenditionName>,
    variant: Variant,
    media: MediaPlaylist,
}

/// The publication of what stands below `ids`, with its playlists in place.
pub(crate) async fn publication(
    bucket: &Bucket,
    job: &Job,
    ids: Outputs,
    told: Output,
) -> Result<Publication, OutputError> {
    let bucket = &bucket.for_clip(&job.video);
    let written = renditions(bucket, ids.hls).await?;
    let progressive = bucket.size(&MediaKey::Progressive(ids.progressive)).await?.map(|_| ids.progressive);
    let mut output = told;
    let hls = match written.first() {
        None if progressive.is_none() => return not_whole("there is neither a stream nor a file".to_owned()),
        None => None,
        Some(best) => {
            let (width, height) = (best.variant.width as u32, best.variant.height as u32);
            output = Output { width, height, duration: best.media.duration() };
            write_playlists(bucket, ids.hls, &written).await?;
            Some(HlsStream { encode: ids.hls, renditions: written.into_iter().filter_map(|one| one.name).collect() })
        }
    };
    let frame = format!("images/{}.{FIRST_FRAME}", ids.poster);
    let poster = bucket.copy(&frame, &MediaKey::Poster(ids.poster)).await?.then_some(ids.poster);
    Ok(Publication {
        job: job.id.clone(),
        at: Timestamp::now(),
        duration_seconds: output.duration,
        width: output.width,
        height: output.height,
        hls,
        progressive,
        poster,
        storyboard: None,
        checked: None,
    })
}

/// The renditions, best first; a single one stands without a folder.
async fn renditions(bucket: &Bucket, id: EncodeId) -> Result<Vec<Written>, OutputError> {
    let children = bucket.children(&format!("hls/{id}/")).await?;
    let mut names: Vec<Option<RenditionName>> =
        children.iter().filter_map(|child| child.strip_suffix('/')?.parse().ok()).map(Some).collect();
    if names.is_empty() && !children.is_empty() {
        names.push(None);
    }
    let mut written = Vec::new();
    for name in names {
        written.push(rendition(bucket, id, name).await?);
    }
    written.sort_by_key(|one| std::cmp::Reverse(one.variant.width * one.variant.height));
    Ok(written)
}

async fn rendition(bucket: &Bucket, id: EncodeId, name: Option<RenditionName>) -> Result<Written, OutputError> {
    let key = |file: String| MediaKey::Segment(id, name.clone(), file);
    let master = key(format!("{SEGMENT}.m3u8"));
    let Some(text) = bucket.read_text(&master).await? else { return not_whole(format!("{master} is missing")) };
    // The one name that a single rendition has is never written.
    let called = name.clone().or_else(|| "single".parse().ok());
    let variants = called.map(|called| playlist::variants_of(&text, &called)).transpose();
    let (variant, uri) = match variants.map(|variants| variants.unwrap_or_default().pop()) {
        Ok(Some(one)) => one,
        Ok(None) => return not_whole(format!("{master} names no variant")),
        Err(error) => return not_whole(format!("{master}: {error}")),
    };
    let key = key(uri);
    let Some(text) = bucket.read_text(&key).await? else { return not_whole(format!("{key} is missing")) };
    let media = match MediaPlaylist::parse(&text) {
        Ok(media) if media.ended && !media.segments.is_empty() => media,
        Ok(_) => return not_whole(format!("{key} is not complete")),
        Err(error) => return not_whole(format!("{key}: {error}")),
    };
    // What signing would refuse later is refused now.
    let folder = master.path().replace(&format!("{SEGMENT}.m3u8"), "");
    match media.segments.iter().try_for_each(|segment| playlist::resolve(&folder, &segment.uri).map(drop)) {
        Ok(()) => Ok(Written { name, variant, media }),
        Err(error) => not_whole(format!("{key}: {error}")),
    }
}

async fn write_playlists(bucket: &Bucket, id: EncodeId, written: &[Written]) -> Result<(), BucketError> {
    let target = written.iter().map(|one| one.media.target_duration()).max().unwrap_or(1);
    let mut variants = Vec::new();
    for one in written {
        let text = one.media.to_text(target);
        match &one.name {
            None => return bucket.put_bytes(&MediaKey::Master(id), text).await,
            Some(name) => bucket.put_bytes(&MediaKey::RenditionPlaylist(id, name.clone()), text).await?,
        }
        variants.push(one.variant.clone());
    }
    bucket.put_bytes(&MediaKey::Master(id), playlist::multivariant(&variants)).await
}
