//! Files that name other files. None of those is opened: what they name is a pipe that would tell.

use std::path::Path;

use serde_json::json;

use super::H264;
use crate::{
    bytes::{self, Bait},
    source::{Source, refused, video},
    system::System,
};

/// Uploads what `source` makes for a bait in its folder; it is published without the bait's help or refused.
async fn leaves_the_bait(source: impl FnOnce(&Path) -> Source) {
    let folder = tempfile::tempdir().unwrap();
    let file = source(folder.path()).make(folder.path());
    let bait = Bait::lay(folder.path());
    let outcome = System::new(&json!({})).await.outcome_of(&file).await;
    assert!(bait.is_untouched(), "somebody opened it: {:?}", outcome.notes);
}

/// A script for FFmpeg or a player, which is refused; `BAIT` stands for the bait's path.
async fn is_refused(file: &'static str, script: &str) {
    let folder = tempfile::tempdir().unwrap();
    let bait = Bait::lay(folder.path());
    let text = script.replace("BAIT", folder.path().join("bait").to_str().unwrap());
    refused(file, text, "The file").comes_out_as_expected().await;
    assert!(bait.is_untouched(), "somebody opened it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_names_a_file() {
    is_refused("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://BAIT\n#EXT-X-ENDLIST\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_playlist_that_names_a_key() {
    is_refused("list.mp4", "#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"BAIT\"\n#EXTINF:4,\nBAIT\n#EXT-X-ENDLIST\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_joins_files() {
    is_refused("join.mp4", "ffconcat version 1.0\nfile 'BAIT'\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dash_manifest_that_names_a_file() {
    let manifest = "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\" \
        mediaPresentationDuration=\"PT4S\"><Period><AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" \
        bandwidth=\"1\"><BaseURL>file://BAIT</BaseURL></Representation></AdaptationSet></Period></MPD>";
    is_refused("clip.mpd", manifest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_description_that_names_an_address() {
    is_refused("clip.sdp", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 9 RTP/AVP 96\n")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quicktime_file_whose_media_lie_in_another_file() {
    let source = || video("reference.mov", format!("{H264} -c:a aac")).operated(bytes::refer_to_bait);
    leaves_the_bait(|_| source()).await;
}
