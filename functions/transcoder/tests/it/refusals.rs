//! Files that nothing can be made of, and files that want more than they may have.

use std::{net::TcpListener, path::Path};

use clipset_transcoder::failure::Failure;
use serde_json::json;

use crate::world::{Clip, settings, start};

fn file(name: &str, bytes: &[u8]) -> Clip {
    start();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, bytes).unwrap();
    Clip { folder, file }
}

async fn refused(clip: &Clip) -> (String, Vec<String>) {
    match clip.plan(&settings(json!({}))).await.unwrap_err() {
        Failure::Permanent { reason, log } => (reason, log),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_is_no_video_is_refused_with_a_sentence() {
    for bytes in [&b"just some text, nothing more"[..], &[0; 5000], b"\x89PNG\r\n\x1a\n", b"MZ\x90\0", &[0xff; 300]] {
        let clip = file("input", bytes);
        let (reason, log) = refused(&clip).await;
        assert!(reason.starts_with("The file "), "{reason}");
        let folder = clip.folder.path().to_str().unwrap();
        assert!(log.iter().all(|line| !line.contains(folder)), "{log:?}");
    }
}

#[tokio::test]
async fn a_recording_that_broke_off_says_so() {
    let clip = Clip::of("a.mp4", "320x180", "25", 4.0, "-c:v libx264 -preset ultrafast -c:a aac");
    let bytes = std::fs::read(&clip.file).unwrap();
    let (reason, _) = refused(&file("input", &bytes[..bytes.len() / 2])).await;
    assert!(reason.contains("its index is missing"), "{reason}");
}

#[tokio::test]
async fn playlists_and_scripts_open_nothing() {
    // Whoever follows a name in them comes to this port, or reads this file.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let secret = Clip::of("secret.mp4", "160x90", "25", 1.0, "-c:v libx264 -c:a aac");
    let secret = secret.file.to_str().unwrap();
    for text in [
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nhttp://{address}/a.ts\n#EXT-X-ENDLIST\n"),
        format!("#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\nfile://{secret}\n#EXT-X-ENDLIST\n"),
        format!("ffconcat version 1.0\nfile '{secret}'\n"),
        format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video {} RTP/AVP 96\n", address.port()),
        format!(
            "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\"><Period><AdaptationSet>\
                 <Representation id=\"a\" bandwidth=\"1\"><BaseURL>http://{address}/a.mp4</BaseURL></Representation>\
                 </AdaptationSet></Period></MPD>"
        ),
        format!("[playlist]\nFile1=http://{address}/a\n"),
    ] {
        for name in ["input", "input.m3u8", "input.mp4", "input.ffconcat", "input.sdp", "input.mpd"] {
            let (reason, _) = refused(&file(name, text.as_bytes())).await;
            assert!(reason.starts_with("The file "), "{name}: {reason}");
        }
    }
    assert!(listener.accept().is_err(), "something connected");
}

#[tokio::test]
async fn a_huge_picture_is_refused_before_it_is_decoded() {
    let clip = Clip::made("a.mkv", "-f lavfi -i color=s=9000x5000:r=1:d=1 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p");
    let (reason, _) = refused(&clip).await;
    assert!(reason.contains("9000 x 5000 pixels"), "{reason}");
    assert!(Path::new(&clip.file).exists());
}
