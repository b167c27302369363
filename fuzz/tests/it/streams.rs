use std::{process::Command, sync::OnceLock};

use clipset_fuzz::{cases, mutated};
use proptest::prelude::*;

/// A second of picture and sound as MPEG-TS, and the H.264 of it by itself.
fn seeds() -> Vec<Vec<u8>> {
    static SEEDS: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    let make = |format: &str, codec: &[&str]| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=96x64:r=10:d=1"]);
        command.args(["-f", "lavfi", "-i", "sine=d=1", "-pix_fmt", "yuv420p", "-g", "5"]).args(codec);
        let made = command.args(["-f", format, "-"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        made.stdout
    };
    let all = || {
        let both = ["-c:v", "libx264", "-c:a", "aac"];
        vec![make("mpegts", &both), make("h264", &["-map", "0:v", "-c:v", "libx264"]), make("adts", &["-map", "1:a"])]
    };
    SEEDS.get_or_init(all).clone()
}

proptest! {
    #![proptest_config(cases(60))]

    #[test]
    fn a_segment_of_any_bytes_is_read_to_its_end(bytes in mutated(seeds())) {
        let read = clipset_transcoder::mpegts::Contents::read(&bytes);
        let _ = read.codecs();
        let _ = clipset_check::mpegts::Contents::read(&bytes);
    }

    #[test]
    fn parameter_sets_and_frames_of_any_bytes_are_read(bytes in mutated(seeds())) {
        for unit in clipset_check::mpegts::elementary::nal_units(&bytes) {
            let _ = clipset_check::mpegts::elementary::Sps::read(unit).map(|sps| sps.codec());
        }
        for frame in clipset_check::mpegts::elementary::adts_frames(&bytes) {
            prop_assert!(frame.seconds().is_finite());
            let _ = frame.codec();
        }
    }
}
