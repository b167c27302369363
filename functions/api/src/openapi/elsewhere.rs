//! The operations of the other functions: stream-info and sign-manifest, which describe nothing themselves to stay small.

use clipset_core::playlist::CONTENT_TYPE;
use clipset_stream_info::StreamInfo;

use super::operation::{Access, Content, Operation, get};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        get("/api/videos/{short_id}/stream-info", "How the video is to be played now.")
            .by(Access::Watcher)
            .answers::<StreamInfo>(200),
        get("/api/videos/{short_id}/hls/master.m3u8", "The HLS playlist of the video, its URLs signed.")
            .by(Access::Watcher)
            .gives(200, Content::Text(CONTENT_TYPE)),
        get("/api/videos/{short_id}/hls/{rendition}/playlist.m3u8", "The playlist of one rendition, its URLs signed.")
            .by(Access::Watcher)
            .gives(200, Content::Text(CONTENT_TYPE)),
    ]
}
