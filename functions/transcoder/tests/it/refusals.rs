//! Files that nothing can be made of, and files that want more than they may have.

use std::{net::TcpListener, path::Path, time::Duration};

use clipset_transcoder::{failure::Failure, ffmpeg::Allowance};
use serde_json::json;

use crate::world::{ALLOWANCE, Clip, ffmpeg, settings, start};

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
        format!("1\n00:00:00,000 --> 00:00:01,000\n<img src=\"http://{address}/a\">{secret}\n"),
        format!("WEBVTT\n\n00:00.000 --> 00:01.000\nhttp://{address}/a\n"),
    ] {
        for name in ["input", "input.m3u8", "input.mp4", "input.ffconcat", "input.sdp", "input.mpd", "input.srt"] {
            let (reason, _) = refused(&file(name, text.as_bytes())).await;
            assert!(reason.starts_with("The file "), "{name}: {reason}");
        }
    }
    assert!(listener.accept().is_err(), "something connected");
}

/// A QuickTime file of raw pictures whose samples are said to stand in the file at `path`: an alias
/// in its data reference (QuickTime File Format, "Data Reference Atoms").
fn referring(own: &[u8], path: &str) -> Vec<u8> {
    let number = |n: usize| u16::try_from(n).unwrap().to_be_bytes();
    let padded = |text: &str, length: usize| [text.as_bytes(), &vec![0; length - text.len()]].concat();
    let even = path.len().next_multiple_of(2);
    let mut alias = vec![0; 10];
    alias.extend([&[1][..], &padded("V", 27), &[0; 12], &[10], &padded("secret.mov", 63), &[0; 16]].concat());
    alias.extend([&number(1)[..], &number(1), &[0; 16], &number(2), &number(even), &padded(path, even)].concat());
    alias.extend([0xff, 0xff, 0, 0]);
    let length = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
    let entry = [&length(12 + alias.len())[..], b"alis", &[0; 4], &alias].concat();
    let reference = [&length(16 + entry.len())[..], b"dref", &[0; 4], &length(1), &entry].concat();
    let find = |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap() - 4;
    let size = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let at = find(own, b"dref");
    let end = at + size(own, at);
    let mut bytes = [&own[..at], &reference, &own[end..]].concat();
    for parent in [b"moov", b"trak", b"mdia", b"minf", b"dinf"] {
        let at = find(&bytes, parent);
        let grown = length(size(&bytes, at) + reference.len() - (end - find(own, b"dref")));
        bytes[at..at + 4].copy_from_slice(&grown);
    }
    bytes
}

#[tokio::test]
async fn a_reference_to_another_file_opens_nothing() {
    let raw = |source: &str| {
        Clip::made("a.mov", &format!("-f lavfi -i {source}:s=64x64:r=5:d=1 -pix_fmt rgb24 -c:v rawvideo"))
    };
    let (own, secret) = (raw("testsrc2=alpha=255"), raw("color=red"));
    let clip = file("input", &[]);
    let beside = clip.folder.path().join("secret.mov");
    std::fs::copy(&secret.file, &beside).unwrap();
    std::fs::write(&clip.file, referring(&std::fs::read(&own.file).unwrap(), beside.to_str().unwrap())).unwrap();
    // FFmpeg follows it when it is told to, so there is something to be refused.
    let decode = ["-i", "input", "-f", "rawvideo", "-"];
    let follow = [&["-enable_drefs", "1"][..], &decode].concat();
    let shown = ffmpeg(&["-i", "secret.mov", "-f", "rawvideo", "-"], clip.folder.path()).stdout;
    assert!(!shown.is_empty() && ffmpeg(&follow, clip.folder.path()).stdout == shown);
    let plan = clip.plan(&settings(json!({}))).await.unwrap();
    match clip.produced_by(plan, &settings(json!({})), 1).await {
        Err(Failure::Permanent { reason, .. }) => {
            assert!(reason.starts_with("The file could not be decoded"), "{reason}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn attachments_and_subtitles_of_a_matroska_file_are_left_where_they_are() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let font = file("font.ttf", b"not a font");
    let text = file("a.srt", format!("1\n00:00:00,000 --> 00:00:01,000\nhttp://{address}/a\n").as_bytes());
    let clip = Clip::made(
        "a.mkv",
        &format!(
            "-f lavfi -i testsrc2=s=160x90:r=10:d=1 -i {} -map 0 -map 1 -c:v mpeg4 -c:s srt -attach {} \
             -metadata:s:t mimetype=application/x-truetype-font -metadata:s:t filename=../../outside",
            text.file.display(),
            font.file.display()
        ),
    );
    let made = clip.produced(&settings(json!({}))).await;
    made.is_sound();
    assert!(listener.accept().is_err(), "something connected");
    assert!(!clip.folder.path().join("../../outside").exists() && !clip.folder.path().join("outside").exists());
}

#[tokio::test]
async fn streams_without_number_are_refused_with_a_sentence() {
    // An AVI header of so many streams, and nothing in them (Microsoft's "AVI RIFF File Reference").
    let chunk = |name: &[u8], data: &[u8]| [name, &u32::try_from(data.len()).unwrap().to_le_bytes(), data].concat();
    let numbers = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let avi = |streams: u32| {
        let main = chunk(b"avih", &numbers(&[40_000, 0, 0, 0, 1, 0, streams, 0, 320, 180, 0, 0, 0, 0]));
        let header = [&b"vidsMJPG"[..], &numbers(&[0, 0, 0, 1, 25, 0, 1, 0, 0, 0])].concat();
        let format = numbers(&[40, 320, 180, 1 | 24 << 16, u32::from_le_bytes(*b"MJPG"), 0, 0, 0, 0, 0]);
        let stream = chunk(b"LIST", &[&b"strl"[..], &chunk(b"strh", &header), &chunk(b"strf", &format)].concat());
        let list = chunk(b"LIST", &[&b"hdrl"[..], &main, &stream.repeat(streams as usize)].concat());
        chunk(b"RIFF", &[&b"AVI "[..], &list, &chunk(b"LIST", b"movi")].concat())
    };
    let (reason, _) = refused(&file("input", &avi(100))).await;
    assert_eq!(reason, "The file has more than 64 streams, which is more than is taken.");
    let (reason, _) = refused(&file("input", &avi(50_000))).await;
    assert_eq!(reason, "The file is not a video that can be read.");
}

#[tokio::test]
async fn small_files_that_unpack_to_huge_pictures_are_refused() {
    let sides = u16::MAX.to_le_bytes();
    let size = [sides, sides].concat();
    let gif = [b"GIF89a", &size[..], b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0", &size, b"\0\x02\x02\x44\x01\0;"].concat();
    let (reason, _) = refused(&file("input", &gif)).await;
    assert!(reason.starts_with("The file"), "{reason}");
    let png = [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", &[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60][..], b"\x08\x02\0\0\0"].concat();
    let (reason, _) = refused(&file("input", &png)).await;
    assert!(reason.contains("not taken as a video, such as a picture"), "{reason}");
}

#[tokio::test]
async fn output_beyond_the_limit_ends_the_run() {
    let clip = Clip::of("a.mkv", "320x180", "25", 8.0, "-c:v mpeg4 -c:a aac");
    let settings = settings(json!({}));
    let plan = clip.plan(&settings).await.unwrap();
    for (allowance, most_bytes, words) in [
        (Allowance { file_size: 20_000, ..ALLOWANCE }, 1 << 30, "larger than is allowed"),
        (ALLOWANCE, 20_000, "far larger than the file"),
        (Allowance { time: Duration::from_millis(1), ..ALLOWANCE }, 1 << 30, "longer than is allowed"),
    ] {
        match clip.produced_within(plan.clone(), &settings, 1, allowance, most_bytes).await {
            Err(Failure::Permanent { reason, .. }) => assert!(reason.contains(words), "{reason}"),
            other => panic!("{words}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_huge_picture_is_refused_before_it_is_decoded() {
    let clip = Clip::made("a.mkv", "-f lavfi -i color=s=9000x5000:r=1:d=1 -frames:v 1 -c:v mjpeg -pix_fmt yuvj420p");
    let (reason, _) = refused(&clip).await;
    assert!(reason.contains("9000 x 5000 pixels"), "{reason}");
    assert!(Path::new(&clip.file).exists());
}
