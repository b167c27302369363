//! Files that broke off, have holes, or are no videos.

use super::{H264, sources};
use crate::{
    bytes,
    source::{Expected, Source, made, refused, video},
};

const NO_VIDEO: &str = "not a video that can be read";

/// Only its first flash is left.
fn cut_off(file: &'static str, options: &str) -> Source {
    video(file, format!("{H264} -c:a aac {options}"))
        .lasting(10)
        .operated(bytes::cut_off)
        .flashing(1)
        .not_compared()
        .about(1.2)
}

sources! {
    an_mp4_that_broke_off_behind_its_index = cut_off("cut.mp4", "-movflags +faststart").encoded("breaks off").lasts(6.0);
    an_mp4_that_broke_off_before_its_index = cut_off("cut.mp4", "").is(Expected::Refused("its index is missing"));
    a_fragmented_mp4_that_broke_off = cut_off("cut.mp4", "-movflags frag_keyframe+delay_moov").noting("breaks off").lasts(6.0);
    a_matroska_file_that_broke_off = cut_off("cut.mkv", "").encoded("breaks off").lasts(6.0);
    a_transport_stream_that_broke_off = cut_off("cut.ts", "").noting("breaks off").lasts(6.0);
    a_hole_in_a_transport_stream = video("hole.ts", "-c:v mpeg2video -q:v 3 -g 12 -c:a mp2").operated(bytes::hole)
        .encoded("mpeg2video").noting("damaged").not_compared().mixed_down();
    noise_behind_the_beginning_of_a_transport_stream = video("noise.ts", "-c:v mpeg2video -q:v 3 -c:a mp2")
        .operated(bytes::noise).encoded("mpeg2video").noting("damaged").silent().not_compared().lasts(0.0).about(1.0);
    a_text = refused("notes.mp4", "Dear diary,\nnothing was recorded today.\n".repeat(50), NO_VIDEO);
    an_empty_file = refused("empty.mp4", "", "The file is empty.");
    eight_bytes = refused("eight.mp4", *b"\0\0\0\x08ftyp", "");
    noise_from_the_beginning = made("noise.bin", "-f lavfi -i testsrc2=s=64x36:d=1 -f rawvideo").operated(bytes::noise)
        .is(Expected::Refused("The file"));
    a_photograph = made("photo.jpg", "-f lavfi -i testsrc2=s=320x180:d=0.04 -frames:v 1")
        .is(Expected::Refused("such as a picture"));
    an_archive = refused("clips.zip", [b"PK\x03\x04\x14\0\0\0\0\0".as_slice(), &[0x5a; 3000]].concat(), NO_VIDEO);
    subtitles = refused("words.srt", "1\n00:00:01,000 --> 00:00:02,000\nHello\n\n".repeat(20), "The file");
}
