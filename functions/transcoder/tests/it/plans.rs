//! The plan for recorded probe results: what is decided, and the words it is decided with.

use clipset_core::settings::Settings;
use clipset_transcoder::{
    cuts::{Packet, Pictures},
    plan::{Origin, Picture, Plan, Sound, may_be_copied, open_ends, plan},
    probe::{Probe, Ratio, SideData},
};
use serde_json::json;

use crate::world::settings;

fn recorded(name: &str) -> Probe {
    let file = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// Packets with a key frame every `every` pictures.
fn packets(rate: f64, seconds: f64, every: u64) -> Pictures {
    let mut pictures = Pictures::default();
    for n in 0..(rate * seconds) as u64 {
        let time = Some(n as f64 / rate);
        pictures.add(Packet {
            shown: time,
            decoded: time,
            duration: Some(1.0 / rate),
            key: n % every == 0,
            ..Packet::default()
        });
    }
    pictures
}

fn names(plan: &Plan) -> Vec<&str> {
    plan.rungs.iter().map(|rung| rung.name.as_str()).collect()
}

fn size(plan: &Plan) -> (u32, u32) {
    (plan.rungs[0].width, plan.rungs[0].height)
}

#[test]
fn a_plain_clip_is_repackaged_with_its_ladder_to_follow() {
    let pictures = packets(30_000.0 / 1001.0, 60.0, 60);
    let plan = plan(&recorded("plain"), Some(&pictures), &Settings::default()).unwrap();
    assert_eq!((plan.picture, plan.sound), (Picture::Copy, Sound::Copy));
    assert_eq!(names(&plan), ["1080p", "720p", "480p", "360p"]);
    assert_eq!(plan.rungs[2].width, 854);
    assert!((plan.cuts[0] - 4.004).abs() < 1e-6);
    assert_eq!(
        plan.reasons,
        ["repackaged without encoding: the picture is H.264 and the sound AAC-LC, as players want them"]
    );
}

#[test]
fn the_same_clip_with_far_key_frames_or_a_smaller_limit_is_encoded() {
    let probe = recorded("plain");
    let far = plan(&probe, Some(&packets(30_000.0 / 1001.0, 60.0, 250)), &Settings::default()).unwrap();
    assert_eq!((far.picture, far.sound), (Picture::Encode, Sound::Encode));
    assert_eq!(far.preparation.rate, Some(Ratio { num: 30_000, den: 1001 }));
    assert!(far.reasons[0].contains("a segment of 8.3 s, more than 6 s"), "{:?}", far.reasons);
    let limited = settings(json!({"max_resolution": "720p"}));
    assert_eq!(may_be_copied(&probe, &limited), None);
    let small = plan(&probe, None, &limited).unwrap();
    assert_eq!((small.picture, size(&small)), (Picture::Encode, (1280, 720)));
    assert!(small.reasons[0].contains("allow 720 lines and the picture has 1080"), "{:?}", small.reasons);
}

#[test]
fn an_mp4_may_be_copied_whatever_its_key_frames() {
    let progressive = settings(json!({"video_output_format": "progressive"}));
    let plan = plan(&recorded("plain"), Some(&packets(30_000.0 / 1001.0, 60.0, 250)), &progressive).unwrap();
    assert_eq!((plan.picture, names(&plan)), (Picture::Copy, vec!["1080p"]));
}

#[test]
fn a_phones_portrait_clip_in_hlg_is_turned_and_tone_mapped() {
    let plan = plan(&recorded("iphone-hlg-portrait"), None, &Settings::default()).unwrap();
    assert_eq!((plan.picture, size(&plan)), (Picture::Encode, (1080, 1920)));
    assert_eq!(names(&plan), ["1080p", "720p", "480p", "360p"], "by the short side");
    assert_eq!(plan.preparation.tone_map.as_deref(), Some("arib-std-b67"));
    assert_eq!(plan.preparation.rate, Some(Ratio { num: 30, den: 1 }));
    for words in ["hevc, not H.264", "yuv420p10le", "rotated or flipped", "high dynamic range"] {
        assert!(plan.reasons[0].contains(words), "{:?}", plan.reasons);
    }
}

#[test]
fn a_phones_varying_rate_becomes_the_usual_one() {
    let plan = plan(&recorded("android-vfr"), None, &Settings::default()).unwrap();
    assert_eq!(plan.preparation.rate, Some(Ratio { num: 30_000, den: 1001 }), "{}", plan.frame_rate);
    assert_eq!(size(&plan), (1080, 1920));
}

#[test]
fn a_screen_recording_takes_its_default_sound_and_follows_the_settings() {
    let probe = recorded("obs-recording");
    assert_eq!(may_be_copied(&probe, &Settings::default()), None);
    let large = settings(json!({"max_resolution": "1440p"}));
    assert_eq!(may_be_copied(&probe, &large), Some(0));
    let plan = plan(&probe, Some(&packets(60.0, 600.0, 250)), &large).unwrap();
    assert_eq!((plan.picture, plan.audio), (Picture::Copy, Some(1)), "{:?}", plan.reasons);
    assert_eq!(names(&plan), ["1440p", "1080p", "720p", "480p", "360p"]);
}

#[test]
fn a_camcorders_fields_and_wide_pixels_are_undone() {
    let plan = plan(&recorded("camcorder-interlaced"), None, &Settings::default()).unwrap();
    assert!(plan.preparation.deinterlace && plan.channels == 6);
    assert_eq!(size(&plan), (1920, 1080));
    assert_eq!(plan.preparation.rate, Some(Ratio { num: 25, den: 1 }), "pictures, not fields");
}

#[test]
fn a_base_rate_of_twice_the_pictures_is_no_rate() {
    let plan = plan(&recorded("mpeg-1-by-ffmpeg-7"), None, &Settings::default()).unwrap();
    assert_eq!(plan.preparation.rate, Some(Ratio { num: 25, den: 1 }));
}

#[test]
fn eight_k_at_120_comes_down_to_what_the_settings_allow() {
    let plan = plan(&recorded("eight-k"), None, &settings(json!({"max_resolution": "4k"}))).unwrap();
    assert_eq!((size(&plan), plan.sound), ((3840, 2160), Sound::None));
    assert!((plan.frame_rate - 59.94).abs() < 0.01);
    assert_eq!(names(&plan), ["2160p", "1440p", "1080p", "720p", "480p", "360p"]);
}

#[test]
fn a_cover_is_no_video_and_becomes_the_still_picture_of_its_song() {
    let plan = plan(&recorded("song-with-cover"), None, &Settings::default()).unwrap();
    assert_eq!((plan.video, plan.sound), (Origin::Cover(1), Sound::Encode));
    assert_eq!((names(&plan), plan.frame_rate), (vec!["600p"], 5.0));
    // FFmpeg's clock begins with the first sound.
    assert!((plan.duration.unwrap() - 200.0).abs() < 0.001, "{:?}", plan.duration);
    let plain = plan.without_cover(&Settings::default());
    assert_eq!((plain.video, size(&plain)), (Origin::Plain, (1280, 720)));
}

/// What is decided about a file that real programs made: picture, sound, the sizes, words of the reason.
type Decision = (&'static str, Picture, Sound, &'static [&'static str], &'static str);

#[test]
fn every_recorded_file_has_its_plan_and_its_reason() {
    use {Picture::Copy as P, Picture::Encode as E, Sound::Copy as C, Sound::Encode as S, Sound::None as N};
    let decisions: [Decision; 24] = [
        ("android-vfr", E, S, &["1080p", "720p", "480p", "360p"], "rotated or flipped"),
        ("animation", E, N, &["90p"], "the picture is gif, not H.264"),
        ("av1", E, N, &["360p"], "the picture is av1, not H.264"),
        ("avi-divx-mp3", E, S, &["404p", "360p"], "the picture is mpeg4, not H.264"),
        ("broadcast", P, S, &["360p"], "the sound is ac3, not AAC-LC"),
        ("camcorder-interlaced", E, S, &["1080p", "720p", "480p", "360p"], "the picture is interlaced"),
        ("dv-pal-wide", E, S, &["576p", "480p", "360p"], "its pixels are not square"),
        ("eight-k", E, N, &["1080p", "720p", "480p", "360p"], "the settings allow 1080 lines and the picture has 4320"),
        ("flac-with-cover", E, S, &["600p"], "its cover is shown as a still picture"),
        ("fragmented", P, C, &["360p"], "repackaged without encoding"),
        ("hdr10-hevc", E, S, &["360p"], "the picture has a high dynamic range"),
        ("iphone-hlg-portrait", E, S, &["1080p", "720p", "480p", "360p"], "hevc, not H.264"),
        ("mpeg-1-by-ffmpeg-7", E, S, &["288p"], "the picture is mpeg1video, not H.264"),
        ("obs-recording", E, S, &["1080p", "720p", "480p", "360p"], "the settings allow 1080 lines"),
        ("old-flash", E, S, &["360p"], "the picture is flv1, not H.264"),
        (
            "phone-screen",
            E,
            S,
            &["1080p", "720p", "480p", "360p"],
            "the settings allow 1080 lines and the picture has 1170",
        ),
        ("plain", P, C, &["1080p", "720p", "480p", "360p"], "repackaged without encoding"),
        ("podcast", E, S, &["720p"], "a plain one is shown as a still picture"),
        ("prores-422-10", E, S, &["1080p", "720p", "480p", "360p"], "yuv422p10le, not 8-bit 4:2:0"),
        ("screen-recorder-vfr", P, N, &["360p"], "there is no sound"),
        ("song-with-cover", E, S, &["600p"], "its cover is shown as a still picture"),
        ("two-languages", P, C, &["360p"], "repackaged without encoding"),
        ("voice-memo", E, S, &["720p"], "a plain one is shown as a still picture"),
        ("webm-vp9-opus", E, S, &["360p"], "the picture is vp9, not H.264"),
    ];
    let folder = format!("{}/tests/fixtures", env!("CARGO_MANIFEST_DIR"));
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), decisions.len(), "each recorded probe result is decided on");
    for (name, picture, sound, sizes, reason) in decisions {
        let probe = recorded(name);
        let start = |index: u32| probe.streams[index as usize].start_time.unwrap();
        let pictures = may_be_copied(&probe, &Settings::default()).map(|index| {
            let mut read = packets(30.0, 3.0, 30);
            read.keys.iter_mut().for_each(|key| *key += start(index));
            (read.first, read.end) = (read.first + start(index), read.end + start(index));
            read
        });
        let pictures = if name == "plain" { Some(packets(30_000.0 / 1001.0, 60.03, 60)) } else { pictures };
        let plan = plan(&probe, pictures.as_ref(), &Settings::default()).unwrap();
        assert_eq!((plan.picture, plan.sound, names(&plan).as_slice()), (picture, sound, sizes), "{name}: {plan:?}");
        assert!(plan.reasons[0].contains(reason), "{name}: {:?}", plan.reasons);
    }
}

#[test]
fn the_default_track_is_the_one_that_is_heard() {
    let plan = plan(&recorded("two-languages"), Some(&packets(30.0, 3.0, 30)), &Settings::default()).unwrap();
    assert_eq!((plan.audio, plan.sample_rate), (Some(2), 44_100));
}

#[test]
fn a_file_that_breaks_off_is_not_copied() {
    let broken = plan(&recorded("plain"), Some(&packets(30_000.0 / 1001.0, 40.0, 60)), &Settings::default()).unwrap();
    assert_eq!(broken.picture, Picture::Encode);
    assert!(broken.reasons[0].contains("breaks off before its end"), "{:?}", broken.reasons);
}

#[test]
fn an_end_that_may_be_torn_unnoticed_is_decoded_before_it_is_published() {
    for (name, unsure) in [("plain", false), ("fragmented", true), ("two-languages", false)] {
        let rate = if name == "plain" { 30_000.0 / 1001.0 } else { 30.0 };
        let plan = plan(&recorded(name), Some(&packets(rate, 60.03, 30)), &Settings::default()).unwrap();
        assert_eq!((plan.picture, plan.end_unsure), (Picture::Copy, unsure), "{name}");
    }
}

#[test]
fn ends_are_looked_for_where_the_file_leaves_them_open() {
    assert!(open_ends(&recorded("plain")).is_empty());
    assert_eq!(open_ends(&recorded("podcast")), [0], "a length by bit rate is a guess");
    let mut live = recorded("obs-recording");
    live.streams[0].tags.duration = None;
    assert_eq!(open_ends(&live), [0]);
    live.set_ends(&[(0, 599.0)].into());
    assert_eq!(live.streams[0].end(), Some(599.0));
}

#[test]
fn very_wide_pictures_keep_within_what_decoders_take() {
    let mut probe = recorded("plain");
    probe.streams[0].codec_name = "hevc".into();
    (probe.streams[0].width, probe.streams[0].height) = (7680, 1440);
    let plan = plan(&probe, None, &settings(json!({"max_resolution": "4k"}))).unwrap();
    assert_eq!((size(&plan), names(&plan)), ((4096, 768), vec!["768p", "720p", "480p", "360p"]));
}

#[test]
fn sizes_off_the_ladder_are_their_own_top_and_never_enlarged() {
    for (width, height, top, expected) in [
        (1366, 768, (1366, 768), &["768p", "720p", "480p", "360p"][..]),
        (1170, 2532, (1080, 2338), &["1080p", "720p", "480p", "360p"]),
        (853, 481, (852, 480), &["480p", "360p"]),
        (640, 360, (640, 360), &["360p"]),
        (320, 240, (320, 240), &["240p"]),
        (3, 5, (2, 4), &["2p"]),
    ] {
        let mut probe = recorded("plain");
        (probe.streams[0].width, probe.streams[0].height) = (width, height);
        let plan = plan(&probe, None, &Settings::default()).unwrap();
        assert_eq!((size(&plan), names(&plan).as_slice()), (top, expected));
        assert!(plan.rungs.iter().all(|rung| rung.width % 2 == 0 && rung.height % 2 == 0));
    }
}

fn dolby_vision_5() -> Vec<SideData> {
    vec![SideData { side_data_type: "DOVI configuration record".into(), dv_profile: Some(5), ..SideData::default() }]
}

#[test]
fn what_is_too_much_is_refused_with_a_sentence() {
    let refused = |change: fn(&mut Probe)| {
        let mut probe = recorded("plain");
        change(&mut probe);
        plan(&probe, None, &Settings::default()).unwrap_err().0
    };
    assert!(refused(|probe| probe.format.duration = Some(1e6)).contains("longer than 24 hours"));
    assert!(refused(|probe| probe.format.nb_streams = 500).contains("more than 64 streams"));
    assert!(refused(|probe| probe.streams[0].width = 60_000).contains("60000 x 1080 pixels"));
    assert!(refused(|probe| probe.streams[0].height = 0).contains("no size"));
    assert!(refused(|probe| probe.streams.clear()).contains("neither a picture nor sound"));
    assert!(refused(|probe| probe.streams[0].codec_name.clear()).contains("of a kind that cannot be decoded"));
    assert!(refused(|probe| probe.streams[0].side_data_list = dolby_vision_5()).contains("Dolby Vision profile 5"));
}
