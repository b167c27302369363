//! The lists, read as text.

use serde_json::json;

use clipset_core::ladder::max_rate;

use super::{
    encoders::{LONGEST_ARGUMENT, key_frames},
    *,
};
use crate::{cuts::Pictures, plan::plan, probe::Probe};

fn probe(pix_fmt: &str, codec: &str) -> Probe {
    serde_json::from_value(json!({
        "streams": [
            {"index": 0, "codec_type": "video", "codec_name": codec, "profile": "High", "level": 40,
             "width": 1920, "height": 1080, "pix_fmt": pix_fmt, "field_order": "progressive",
             "r_frame_rate": "30/1", "avg_frame_rate": "30/1", "start_time": "0.0", "duration": "8.0"},
            {"index": 1, "codec_type": "audio", "codec_name": "aac", "profile": "LC", "channels": 2,
             "sample_rate": "44100", "start_time": "0.0", "duration": "8.0"}],
        "format": {"duration": "8.0", "start_time": "0.0", "nb_streams": 2}
    }))
    .expect("a probe")
}

fn settings(patch: serde_json::Value) -> Settings {
    Settings::default().patched(patch.as_object().expect("an object")).expect("valid")
}

fn text(list: &[OsString]) -> String {
    list.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn encoded(probe: &Probe, settings: &Settings, encoder: Encoder) -> String {
    let plan = plan(probe, None, settings).expect("a plan");
    let renditions: Vec<_> =
        plan.rungs.iter().map(|rung| Rendition { rung: rung.clone(), picture: Picture::Encode }).collect();
    text(&hls(&Recipe { plan: &plan, settings, encoder, renditions }, Path::new("input")))
}

#[test]
fn an_upload_is_read_by_listed_demuxers_from_a_file_and_nothing_else() {
    let list = encoded(&probe("yuv420p", "hevc"), &Settings::default(), Encoder::X264);
    let (before, _) = list.split_once(" -i input ").expect("an input");
    assert!(before.contains("-protocol_whitelist file,pipe -format_whitelist mov,"), "{before}");
    for opener in ["hls", "concat", "dash", "image2", "lavfi", "srt", "subviewer"] {
        assert!(!crate::ffmpeg::FORMATS.split(',').any(|format| format == opener), "{opener}");
    }
}

#[test]
fn one_decode_and_one_muxer_make_the_whole_ladder() {
    let list = encoded(&probe("yuv420p", "hevc"), &Settings::default(), Encoder::X264);
    assert_eq!(list.matches(" -i ").count(), 1);
    assert!(list.contains("[0:0]fps=30/1:start_time=0,split=4[s0][s1][s2][s3];"), "{list}");
    assert!(
        list.contains("[s1]scale=1280:720:flags=bicubic:out_range=limited,setsar=1,format=yuv420p,setparams=range=tv:"),
        "{list}"
    );
    assert!(
        list.contains("-var_stream_map v:0,a:0,name:1080p v:1,a:1,name:720p v:2,a:2,name:480p v:3,a:3,name:360p "),
        "{list}"
    );
    for n in 0..4 {
        assert!(list.contains(&format!("-sc_threshold:v:{n} 0")), "{list}");
        assert!(
            list.contains(&format!("-g:v:{n} 300 -force_key_frames:v:{n} expr:gte(t+0.00001,n_forced*2)")),
            "{list}"
        );
    }
}

#[test]
fn beside_a_copy_the_key_frames_are_the_copys() {
    let mut pictures = Pictures::default();
    (pictures.keys, pictures.end, pictures.count) = (vec![0.0, 2.0, 4.004, 6.0, 8.0], 10.0, 300);
    let settings = Settings::default();
    let plan = plan(&probe("yuv420p", "h264"), Some(&pictures), &settings).expect("a plan");
    assert_eq!(plan.picture, Picture::Copy);
    let renditions = plan
        .rungs
        .iter()
        .enumerate()
        .map(|(n, rung)| Rendition {
            rung: rung.clone(),
            picture: if n == 0 { Picture::Copy } else { Picture::Encode },
        })
        .collect();
    let list = text(&hls(
        &Recipe { plan: &plan, settings: &settings, encoder: Encoder::X264, renditions },
        Path::new("input"),
    ));
    assert!(list.contains("-map 0:0 -c:v:0 copy -map 0:1 -map [v0] -c:v:1 libx264"), "{list}");
    assert!(list.contains("-force_key_frames:v:1 3.996,7.992"), "{list}");
    assert!(list.contains("-enc_time_base:v:1 1/90000"), "{list}");
    assert!(list.contains("-c:a copy"), "{list}");
    assert!(!list.contains("fps="), "{list}");
}

#[test]
fn nvenc_gets_the_settings_one_by_one() {
    let vbr = settings(json!({"use_gpu_transcoding": true, "gpu_device_id": 3, "nvenc_preset": "p6", "nvenc_cq": 21,
        "nvenc_max_bitrate": "9M", "nvenc_buffer_size": "18M", "renditions": "single"}));
    let list = encoded(&probe("yuv420p", "hevc"), &vbr, Encoder::Nvenc);
    assert!(
        list.contains(
            "-c:v:0 h264_nvenc -gpu:v:0 3 -preset:v:0 p6 -tune:v:0 hq -rc:v:0 vbr -cq:v:0 21 -b:v:0 0 \
             -maxrate:v:0 9000000 -bufsize:v:0 18000000 -profile:v:0 high -no-scenecut:v:0 1 -forced-idr:v:0 1 \
             -bf:v:0 2 -b_ref_mode:v:0 disabled -g:v:0 300"
        ),
        "{list}"
    );
    let cbr = settings(json!({"nvenc_rate_control": "cbr", "renditions": "single"}));
    let list = encoded(&probe("yuv420p", "hevc"), &cbr, Encoder::Nvenc);
    assert!(list.contains("-rc:v:0 cbr -b:v:0 8000000 -maxrate:v:0 8000000 -bufsize:v:0 16000000"), "{list}");
    let constqp = settings(json!({"nvenc_rate_control": "constqp", "nvenc_cq": 0, "renditions": "single"}));
    let list = encoded(&probe("yuv420p", "hevc"), &constqp, Encoder::Nvenc);
    assert!(list.contains("-rc:v:0 constqp -qp:v:0 1 -profile:v:0"), "{list}");
}

#[test]
fn ten_bits_become_eight_before_either_encoder() {
    for encoder in [Encoder::X264, Encoder::Nvenc] {
        let list = encoded(&probe("yuv420p10le", "hevc"), &Settings::default(), encoder);
        assert_eq!(list.matches("setsar=1,format=yuv420p,setparams=").count(), 4, "{list}");
    }
}

#[test]
fn lower_sizes_get_a_share_of_the_gpus_bit_rate() {
    let list = encoded(&probe("yuv420p", "hevc"), &Settings::default(), Encoder::Nvenc);
    assert!(list.contains("-maxrate:v:0 8000000") && list.contains("-maxrate:v:1 4182000"), "{list}");
}

#[test]
fn a_high_dynamic_range_is_tone_mapped_after_scaling() {
    let mut hdr = probe("yuv420p10le", "hevc");
    hdr.streams[0].color_transfer = "smpte2084".into();
    let list = encoded(&hdr, &Settings::default(), Encoder::X264);
    let scaled = list.find("scale=1920:1080").expect("scaled");
    assert!(list.find("tonemap=").is_some_and(|at| at > scaled), "{list}");
    assert!(list.contains("zscale=tin=smpte2084:"), "{list}");
}

#[test]
fn cuts_of_half_a_day_fit_into_an_argument_and_of_more_become_the_sources_own() {
    let mut plan = plan(&probe("yuv420p", "hevc"), None, &Settings::default()).expect("a plan");
    plan.picture = Picture::Copy;
    plan.cuts = (1..10_800).map(|n| f64::from(n) * 4.0).collect();
    assert!(key_frames(&plan).len() < LONGEST_ARGUMENT);
    plan.cuts = (1..21_600).map(|n| f64::from(n) * 4.0).collect();
    assert_eq!(key_frames(&plan), "source");
    plan.cuts.clear();
    assert_eq!(key_frames(&plan), "0");
}

#[test]
fn x264_spends_less_on_small_pictures_and_more_on_fast_ones() {
    let settings = Settings::default();
    let rung = |width, height| Rung { name: "x".parse().expect("a name"), width, height };
    assert_eq!(max_rate(&settings, &rung(1920, 1080), 30.0), 10_000_000);
    assert!(max_rate(&settings, &rung(640, 360), 30.0) < 2_000_000);
    assert!(max_rate(&settings, &rung(1920, 1080), 60.0) > 14_000_000);
}

#[test]
fn every_size_says_the_colours_of_the_source() {
    let list = encoded(&probe("yuv420p", "hevc"), &Settings::default(), Encoder::X264);
    let bt709 = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709[v";
    assert_eq!(list.matches(bt709).count(), 4, "{list}");
    let mut tagged = probe("yuv420p", "hevc");
    tagged.streams[0].color_space = "smpte170m".into();
    tagged.streams[0].color_transfer = "iec61966-2-1".into();
    let list = encoded(&tagged, &Settings::default(), Encoder::X264);
    let kept = "setparams=range=tv:color_primaries=smpte170m:color_trc=iec61966-2-1:colorspace=smpte170m[v";
    assert_eq!(list.matches(kept).count(), 4, "{list}");
    assert!(!list.contains("color_matrix"), "the values stay: {list}");
}

#[test]
fn rgb_and_wide_gamuts_are_converted() {
    let list = encoded(&probe("bgra", "qtrle"), &Settings::default(), Encoder::X264);
    assert_eq!(list.matches(":out_color_matrix=bt709,").count(), 4, "{list}");
    let mut wide = probe("yuv420p10le", "hevc");
    wide.streams[0].color_space = "bt2020nc".into();
    let list = encoded(&wide, &Settings::default(), Encoder::X264);
    assert!(list.contains("zscale=tin=bt709:min=bt2020nc") && !list.contains("tonemap"), "{list}");
}

#[test]
fn many_channels_are_mixed_to_two_and_more_than_eight_give_their_first() {
    let with = |channels| {
        let mut probe = probe("yuv420p", "hevc");
        probe.streams[1].channels = channels;
        encoded(&probe, &Settings::default(), Encoder::X264)
    };
    assert!(!with(1).contains("-ac ") && !with(2).contains("-ac "));
    assert!(with(6).contains("-filter:a aresample=async=1:first_pts=0 -ac 2"));
    assert!(with(16).contains("first_pts=0,pan=stereo|c0=c0|c1=c1") && !with(16).contains("-ac "));
}

#[test]
fn sound_alone_gets_a_still_picture_as_long_as_it_lasts() {
    let mut song = probe("yuvj420p", "mjpeg");
    song.streams[0].disposition.attached_pic = 1;
    let list = encoded(&song, &Settings::default(), Encoder::X264);
    assert!(list.contains("[0:0]scale=1920:1080"), "{list}");
    assert!(list.contains("loop=loop=41:size=1,setpts=N*1/(5*TB),fps=5/1:start_time=0,trim=duration=8.000"), "{list}");
    assert!(list.contains("-var_stream_map v:0,a:0,name:1080p "), "one size: {list}");
    song.streams.remove(0);
    let list = encoded(&song, &Settings::default(), Encoder::X264);
    assert!(list.contains("color=c=0x1d2330:s=1280x720:r=5/1:d=8.000,split=1[s0]"), "{list}");
}
