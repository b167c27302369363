//! What is published of a video, and what was.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    id::{EncodeId, JobId, RenditionName},
    signing::SignatureLife,
};

/// An HLS stream in the bucket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HlsStream {
    /// `hls/{uuid}/`.
    pub encode: EncodeId,
    /// Empty: `master.m3u8` is the one media playlist. Else the folders below, source first.
    #[serde(default)]
    pub renditions: Vec<RenditionName>,
}

/// What is published of a video: what players get.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// The job that made it; it may publish once.
    pub job: JobId,
    /// When.
    pub at: Timestamp,
    /// Seconds.
    pub duration_seconds: f64,
    /// Pixels of the best rendition, as shown.
    pub width: u32,
    /// Pixels of the best rendition, as shown.
    pub height: u32,
    /// The stream, unless the video is progressive only.
    pub hls: Option<HlsStream>,
    /// `progressive/{uuid}.mp4`.
    pub progressive: Option<EncodeId>,
    /// `images/{uuid}.jpg`.
    pub poster: Option<EncodeId>,
    /// `images/{uuid}/…`: sprites and their index.
    #[serde(default)]
    pub storyboard: Option<EncodeId>,
    /// When the stream passed its check; only then may the original go.
    #[serde(default)]
    pub checked: Option<Timestamp>,
}

impl Publication {
    /// Every uuid that it names.
    pub fn ids(&self) -> impl Iterator<Item = EncodeId> + use<> {
        let hls = self.hls.as_ref().map(|stream| stream.encode);
        [hls, self.progressive, self.poster, self.storyboard].into_iter().flatten()
    }
}

/// What follows a publication.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// `images/{uuid}.jpg`.
    pub poster: Option<EncodeId>,
    /// `progressive/{uuid}.mp4`.
    pub progressive: Option<EncodeId>,
    /// `images/{uuid}/…`.
    pub storyboard: Option<EncodeId>,
}

/// Something that was published and no longer is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Superseded {
    /// The uuid below which it stands.
    pub id: EncodeId,
    /// The end of the last signature that may lead to it; not removed before.
    pub until: Timestamp,
}

/// The time at which a signature made at `now` or before has surely run out.
pub fn retire_at(now: Timestamp, life: SignatureLife) -> Timestamp {
    let seconds = now.as_second().max(0) as u64;
    let wait = life.latest_end(seconds) - seconds;
    now.saturating_add(SignedDuration::from_secs(wait as i64)).expect("a duration in seconds")
}
