//! Rule by rule: a good stream, broken in one way on purpose, is told by that rule and by no other.
#![allow(clippy::unwrap_used, missing_docs)]

mod edit;
mod good;

use std::path::Path;

use clipset_check::check;

use crate::{
    edit::{in_first_picture, in_packets, in_text, insert, shift, stuff},
    good::{Good, media_playlist},
};

/// Breaks a copy of the good stream; exactly `rules` must tell.
fn breaks(rules: &[&str], edit: impl FnOnce(&Path)) {
    let good = Good::new();
    edit(good.root());
    let report = check(good.root());
    let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
    assert_eq!(broken, rules, "\n{report}");
}

#[test]
fn a_good_stream_breaks_no_rule_and_those_that_do_not_apply_are_named() {
    let report = check(Good::new().root());
    assert!(report.is_clean(), "\n{report}");
    let text = report.to_string();
    assert!(text.contains("i-frame-playlists       n/a   there are none"), "{text}");
    assert!(text.ends_with(" rules hold, 0 are broken, 5 do not apply"), "{text}");
}

#[test]
fn a_good_stream_of_one_rendition_needs_no_multivariant_playlist() {
    let good = Good::single();
    let report = check(good.root());
    assert!(report.is_clean(), "\n{report}");
    let text = report.to_string();
    for rule in ["bandwidth", "codecs", "aligned", "equal-target-durations"] {
        assert!(text.contains(&format!("{rule:22}  n/a   one rendition")), "{text}");
    }
}

#[test]
fn an_empty_folder_is_no_stream() {
    let folder = tempfile::tempdir().unwrap();
    let report = check(folder.path());
    let broken: Vec<&str> = report.broken().map(|finding| finding.rule).collect();
    assert_eq!(broken, ["complete"], "\n{report}");
}

#[test]
fn text_control_characters() {
    breaks(&["text"], |root| in_text(root, "180p/playlist.m3u8", "#EXT-X-ENDLIST", "#a\u{7}b\n#EXT-X-ENDLIST"));
}

#[test]
fn text_a_byte_order_mark() {
    breaks(&["text"], |root| in_text(root, "master.m3u8", "#EXTM3U", "\u{feff}#EXTM3U"));
}

#[test]
fn extm3u_is_not_first() {
    breaks(&["extm3u"], |root| in_text(root, "180p/playlist.m3u8", "#EXTM3U\n", ""));
}

#[test]
fn readable_not_every_line() {
    breaks(&["readable"], |root| {
        in_text(root, "master.m3u8", "#EXT-X-VERSION:3", "#EXT-X-VERSION:3\n#EXT-X-VERSION:x")
    });
}

#[test]
fn complete_a_segment_is_missing() {
    breaks(&["complete"], |root| std::fs::remove_file(root.join("90p/segment001.ts")).unwrap());
}

#[test]
fn complete_a_rendition_is_missing() {
    breaks(&["complete"], |root| std::fs::remove_dir_all(root.join("90p")).unwrap());
}

#[test]
fn uris_one_leads_out() {
    for uri in ["../180p/segment001.ts", "http://example.com/segment001.ts", "/etc/passwd"] {
        breaks(&["uris"], |root| in_text(root, "180p/playlist.m3u8", "\nsegment001.ts", &format!("\n{uri}")));
    }
}

#[test]
fn one_kind_both_in_one() {
    breaks(&["one-kind"], |root| in_text(root, "master.m3u8", "#EXT-X-VERSION:3", "#EXT-X-VERSION:3\n#EXT-X-ENDLIST"));
}

#[test]
fn known_a_discontinuity() {
    let tag = "#EXT-X-DISCONTINUITY\n#EXTINF";
    breaks(&["known"], |root| in_text(root, "180p/playlist.m3u8", "#EXTINF", tag));
}

#[test]
fn version_too_low_for_decimals() {
    breaks(&["version"], |root| in_text(root, "180p/playlist.m3u8", "#EXT-X-VERSION:3", "#EXT-X-VERSION:2"));
}

#[test]
fn target_duration_below_a_segment() {
    breaks(&["target-duration"], |root| {
        for rendition in ["180p", "90p"] {
            in_text(root, &format!("{rendition}/playlist.m3u8"), "TARGETDURATION:2", "TARGETDURATION:1");
        }
    });
}

#[test]
fn equal_target_durations_one_differs() {
    breaks(&["equal-target-durations"], |root| {
        in_text(root, "90p/playlist.m3u8", "TARGETDURATION:2", "TARGETDURATION:3");
    });
}

#[test]
fn playlist_type_is_another() {
    breaks(&["playlist-type"], |root| in_text(root, "90p/playlist.m3u8", "PLAYLIST-TYPE:VOD", "PLAYLIST-TYPE:EVENT"));
}

#[test]
fn endlist_is_missing() {
    breaks(&["endlist"], |root| in_text(root, "90p/playlist.m3u8", "#EXT-X-ENDLIST\n", ""));
}

#[test]
fn independent_segments_is_not_said() {
    breaks(&["independent-segments"], |root| in_text(root, "master.m3u8", "#EXT-X-INDEPENDENT-SEGMENTS\n", ""));
}

#[test]
fn whole_packets_a_torn_one() {
    breaks(&["whole-packets"], |root| stuff(root, "180p/segment002.ts", &[0x47; 100]));
}

#[test]
fn one_programme_there_are_two() {
    breaks(&["one-programme"], |root| {
        in_packets(root, "90p/segment000.ts", |packet| {
            // The PAT: one more entry before its checksum, which is not looked at.
            if packet[1] & 0x1f == 0 && packet[2] == 0 {
                packet[7] += 4;
                packet.copy_within(13..21, 17);
            }
        });
    });
}

#[test]
fn tables_first_media_come_before_them() {
    breaks(&["tables-first"], |root| insert(root, "180p/segment001.ts", 0, 0x0fff));
}

#[test]
fn formats_a_level_that_players_do_not_have() {
    breaks(&["formats"], |root| {
        in_text(root, "master.m3u8", "avc1.42c00b", "avc1.42c03e");
        for n in 0..3 {
            in_first_picture(
                root,
                &format!("90p/segment00{n}.ts"),
                &[0x67, 0x42, 0xc0, 0x0b],
                &[0x67, 0x42, 0xc0, 0x3e],
            );
        }
    });
}

#[test]
fn idr_a_segment_begins_with_another_picture() {
    breaks(&["idr"], |root| in_first_picture(root, "90p/segment001.ts", &[0, 0, 1, 0x65], &[0, 0, 1, 0x61]));
}

#[test]
fn durations_two_that_make_up_for_each_other() {
    breaks(&["durations"], |root| {
        in_text(root, "180p/playlist.m3u8", "#EXTINF:2.000000,\nsegment000", "#EXTINF:2.200000,\nsegment000");
        in_text(root, "180p/playlist.m3u8", "#EXTINF:2.000000,\nsegment001", "#EXTINF:1.800000,\nsegment001");
    });
}

#[test]
fn duration_sum_three_that_are_each_within_a_picture() {
    breaks(&["duration-sum"], |root| in_text(root, "180p/playlist.m3u8", "#EXTINF:2.000000", "#EXTINF:2.030000"));
}

#[test]
fn continuous_a_gap() {
    breaks(&["continuous"], |root| {
        for rendition in ["180p", "90p"] {
            shift(root, &format!("{rendition}/segment002.ts"), 10.0);
        }
    });
}

#[test]
fn continuous_back_in_time() {
    breaks(&["continuous"], |root| {
        for rendition in ["180p", "90p"] {
            shift(root, &format!("{rendition}/segment002.ts"), -1.0);
        }
    });
}

#[test]
fn frame_rate_limit_a_hundred_pictures_a_second() {
    let fast = Good::at_rate(100);
    let broken: Vec<&str> = check(fast.root()).broken().map(|finding| finding.rule).collect();
    assert_eq!(broken, ["frame-rate-limit"]);
}

#[test]
fn sound_is_there_and_not_declared() {
    breaks(&["sound"], |root| in_text(root, "master.m3u8", ",mp4a.40.2", ""));
}

#[test]
fn sound_is_declared_and_not_there() {
    let silent = Good::silent();
    assert!(check(silent.root()).is_clean(), "\n{}", check(silent.root()));
    in_text(silent.root(), "master.m3u8", "avc1.42c00d", "avc1.42c00d,mp4a.40.2");
    let broken: Vec<&str> = check(silent.root()).broken().map(|finding| finding.rule).collect();
    assert_eq!(broken, ["sound"]);
}

#[test]
fn bandwidth_half_of_the_truth() {
    breaks(&["bandwidth"], |root| in_text(root, "master.m3u8", ":BANDWIDTH=", ":BANDWIDTH=1"));
}

#[test]
fn average_bandwidth_ten_times_the_truth() {
    breaks(&["average-bandwidth"], |root| in_text(root, "master.m3u8", "AVERAGE-BANDWIDTH=", "AVERAGE-BANDWIDTH=1"));
}

#[test]
fn codecs_of_another_profile() {
    breaks(&["codecs"], |root| in_text(root, "master.m3u8", "avc1.42c00b", "avc1.64000b"));
}

#[test]
fn codecs_of_another_kind_of_sound() {
    breaks(&["codecs"], |root| in_text(root, "master.m3u8", "mp4a.40.2", "mp4a.40.5"));
}

#[test]
fn resolution_of_another_size() {
    breaks(&["resolution"], |root| in_text(root, "master.m3u8", "320x180", "320x240"));
}

#[test]
fn frame_rate_is_another() {
    breaks(&["frame-rate"], |root| in_text(root, "master.m3u8", "FRAME-RATE=25", "FRAME-RATE=30"));
}

#[test]
fn aligned_one_rendition_is_late() {
    breaks(&["aligned"], |root| {
        for n in 0..3 {
            shift(root, &format!("90p/segment00{n}.ts"), 0.2);
        }
    });
}

#[test]
fn aligned_one_rendition_has_fewer_segments() {
    breaks(&["aligned"], |root| {
        let text = media_playlist(2);
        std::fs::write(root.join("90p/playlist.m3u8"), text).unwrap();
    });
}
