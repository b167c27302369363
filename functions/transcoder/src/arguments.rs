//! FFmpeg's argument lists, from a plan and the settings. Pure: the same input gives the same list.
//!
//! Every run works in the job's own folder and names files relative to it, so that no path of the
//! runner is in a message, and none can be taken for an option or a protocol.

use std::{ffi::OsString, path::Path};

use clipset_core::{
    ladder::max_rate,
    settings::{RateControl, Settings},
};

use crate::{
    cuts::SEGMENT,
    ffmpeg::{MAX_PIXELS, input_safety},
    plan::{LONGEST, Picture, Plan, Rung, Sound},
};

/// The folder of an HLS run's output, relative to the job's folder; below it one folder per rendition.
pub const HLS_FOLDER: &str = "hls";

/// Key frames lie at the cuts alone; this many seconds are surely beyond the next one.
const BEYOND_A_SEGMENT: f64 = 10.0;

/// The kernel takes no single argument of 128 KiB or more (MAX_ARG_STRLEN, execve(2)).
const LONGEST_ARGUMENT: usize = 120_000;

/// What encodes the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// libx264, on the processor.
    X264,
    /// NVENC, on the GPU of the settings.
    Nvenc,
}

/// One rendition of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Its size and folder.
    pub rung: Rung,
    /// Copied or encoded.
    pub picture: Picture,
}

/// One run of the hls muxer: all renditions from one decode.
#[derive(Debug, Clone)]
pub struct Recipe<'a> {
    /// What was decided about the file.
    pub plan: &'a Plan,
    /// What was chosen.
    pub settings: &'a Settings,
    /// For the renditions that are encoded.
    pub encoder: Encoder,
    /// Best first.
    pub renditions: Vec<Rendition>,
}

/// HLS of all renditions of `recipe` below [`HLS_FOLDER`], each with `playlist.m3u8` and
/// `segment000.ts` and so on, renamed into place when whole.
pub fn hls(recipe: &Recipe<'_>, input: &Path) -> Vec<OsString> {
    let Recipe { plan, settings, encoder, renditions } = recipe;
    let mut list = List::reading(input);
    let encoded: Vec<&Rung> =
        renditions.iter().filter(|r| r.picture == Picture::Encode).map(|rendition| &rendition.rung).collect();
    if !encoded.is_empty() {
        list.add(["-filter_complex", &filters(plan, &encoded)]);
    }
    let mut encoded_so_far = 0;
    for (number, rendition) in renditions.iter().enumerate() {
        if rendition.picture == Picture::Copy {
            list.add(["-map", &format!("0:{}", plan.video)]);
            list.add([&format!("-c:v:{number}"), "copy"]);
        } else {
            list.add(["-map", &format!("[v{encoded_so_far}]")]);
            list.picture(plan, settings, *encoder, &rendition.rung, number);
            encoded_so_far += 1;
        }
        list.map_sound(plan);
    }
    list.sound(plan, settings);
    let with_sound = plan.sound != Sound::None;
    let streams: Vec<String> = renditions
        .iter()
        .enumerate()
        .map(|(n, rendition)| {
            let sound = if with_sound { format!(",a:{n}") } else { String::new() };
            format!("v:{n}{sound},name:{}", rendition.rung.name)
        })
        .collect();
    // Whatever the time stamps of the file do.
    list.add(["-t", &LONGEST.to_string()]);
    list.add(["-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096"]);
    list.add(["-muxdelay", "0", "-muxpreload", "0"]);
    list.add(["-f", "hls", "-hls_time", &SEGMENT.to_string(), "-hls_list_size", "0", "-hls_playlist_type", "vod"]);
    list.add(["-hls_segment_type", "mpegts", "-hls_flags", "independent_segments+temp_file"]);
    list.add(["-var_stream_map", &streams.join(" ")]);
    list.add(["-hls_segment_filename", &format!("{HLS_FOLDER}/%v/segment%03d.ts")]);
    list.add([&format!("{HLS_FOLDER}/%v/playlist.m3u8")]);
    list.0
}

/// One MP4 at the best size, its index in front; the picture copied or encoded as the plan says.
pub fn mp4(plan: &Plan, settings: &Settings, encoder: Encoder, input: &Path, output: &str) -> Vec<OsString> {
    let mut list = List::reading(input);
    match plan.rungs.first() {
        Some(rung) if plan.picture == Picture::Encode => {
            list.add(["-filter_complex", &filters(plan, &[rung]), "-map", "[v0]"]);
            list.picture(plan, settings, encoder, rung, 0);
        }
        _ => list.add(["-map", &format!("0:{}", plan.video), "-c:v", "copy"]),
    }
    list.map_sound(plan);
    list.sound(plan, settings);
    list.add(["-max_muxing_queue_size", "4096"]);
    list.mp4_to(output);
    list.0
}

/// One MP4 from a rendition that we made ourselves, by its local playlist.
pub fn mp4_of_playlist(playlist: &str, output: &str) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.add(["-protocol_whitelist", "file", "-allowed_extensions", "ALL", "-f", "hls", "-i", playlist]);
    list.add(["-map", "0:v:0", "-map", "0:a:0?", "-c", "copy"]);
    list.mp4_to(output);
    list.0
}

/// A JPEG of a telling key frame from second `at` on, at most 1280 wide. With `skip_dark`, black
/// pictures are passed over; then there may be none, and no file is written.
pub fn poster(plan: &Plan, input: &Path, at: f64, skip_dark: bool, output: &str) -> Vec<OsString> {
    /// As many key frames are compared, and no more decoded.
    const COMPARED: u32 = 24;
    /// Mean luma (16 is black): a title on black is about this bright.
    const DARK: u32 = 32;
    let mut list = List(Vec::new());
    // The key frame before `at` does as well, and may be the only one.
    list.add(["-noaccurate_seek", "-ss", &format!("{at:.3}"), "-skip_frame", "nokey"]);
    list.read(input);
    let (width, height) = plan.rungs.first().map_or((1280, 720), |rung| (rung.width, rung.height));
    let width_shown = width.min(1280);
    let height_shown = (height * width_shown / width).max(2) & !1;
    let mut filters = Vec::new();
    if plan.preparation.deinterlace {
        filters.push("bwdif=mode=send_frame".to_owned());
    }
    filters.push(scale(width_shown & !1, height_shown));
    filters.extend(plan.preparation.tone_map.as_deref().map(tone_map));
    filters.push("format=yuv420p".to_owned());
    if skip_dark {
        filters.push("signalstats".to_owned());
        filters.push(format!("metadata=select:key=lavfi.signalstats.YAVG:value={DARK}:function=greater"));
    }
    filters.push(format!("thumbnail={COMPARED}"));
    // JPEG is full range.
    filters.push("scale=out_range=full,format=yuvj420p".to_owned());
    list.add(["-map", &format!("0:{}", plan.video), "-vf", &filters.join(",")]);
    list.add(["-frames:v", "1", "-fps_mode", "passthrough", "-q:v", "3", "-map_metadata", "-1"]);
    list.add(["-f", "image2", "-update", "1", output]);
    list.0
}

/// One real frame through the GPU with the options that a job would use.
pub fn nvenc_trial(settings: &Settings) -> Vec<OsString> {
    let mut list = List(Vec::new());
    list.add(["-f", "lavfi", "-i", "color=c=gray:s=640x360:r=30:d=0.1", "-frames:v", "1", "-pix_fmt", "yuv420p"]);
    list.nvenc(settings, 1.0, 0);
    list.add(["-f", "null", "-"]);
    list.0
}

fn filters(plan: &Plan, rungs: &[&Rung]) -> String {
    let preparation = &plan.preparation;
    let mut common = Vec::new();
    if preparation.deinterlace {
        common.push("bwdif=mode=send_frame".to_owned());
    }
    if let Some(rate) = preparation.rate {
        // From zero, so that a picture that starts late does not move the cuts.
        common.push(format!("fps={rate}:start_time=0"));
    }
    if let Some(seconds) = preparation.hold_last {
        common.push(format!("tpad=stop_mode=clone:stop_duration={seconds:.3}"));
    }
    if let (Some(transfer), Some(best)) = (&preparation.tone_map, rungs.first()) {
        // Scaled first: tone-mapping is done in floating point.
        common.push(scale(best.width, best.height));
        common.push(tone_map(transfer));
    }
    let outputs: String = (0..rungs.len()).map(|n| format!("[s{n}]")).collect();
    common.push(format!("split={}{outputs}", rungs.len()));
    let mut graph = vec![format!("[0:{}]{}", plan.video, common.join(","))];
    for (n, rung) in rungs.iter().enumerate() {
        graph.push(format!("[s{n}]{},setsar=1,format=yuv420p[v{n}]", scale(rung.width, rung.height)));
    }
    graph.join(";")
}

fn scale(width: u32, height: u32) -> String {
    format!("scale={width}:{height}:flags=bicubic:out_range=limited")
}

/// High dynamic range to BT.709, by light and not by relabelling.
fn tone_map(transfer: &str) -> String {
    format!(
        "zscale=tin={transfer}:min=bt2020nc:pin=bt2020:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
         tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=limited,format=yuv420p"
    )
}

/// The cuts as `-force_key_frames` takes them.
fn key_frames(plan: &Plan) -> String {
    if plan.picture == Picture::Encode {
        // Less than a tick of the 90 kHz clock, against a multiple that is missed by a rounding.
        return format!("expr:gte(t+0.00001,n_forced*{SEGMENT})");
    }
    // Beside a copy, the key frames are the copy's. A quarter of a picture early: the first
    // picture at or after that is the one meant, however its time was rounded.
    let early = 0.25 / plan.frame_rate.max(1.0);
    let times: Vec<String> = plan.cuts.iter().map(|cut| format!("{:.3}", (cut - early).max(0.0))).collect();
    let list = times.join(",");
    match list.len() {
        // No cut but the start, which is a key frame by itself.
        0 => "0".to_owned(),
        // All of the source's key frames, of which the cuts are some: larger, and right.
        length if length > LONGEST_ARGUMENT => "source".to_owned(),
        _ => list,
    }
}

struct List(Vec<OsString>);

impl List {
    fn reading(input: &Path) -> Self {
        let mut list = Self(Vec::new());
        list.read(input);
        list
    }

    fn add<const N: usize>(&mut self, args: [&str; N]) {
        self.0.extend(args.map(OsString::from));
    }

    fn read(&mut self, input: &Path) {
        self.0.extend(input_safety());
        self.add(["-max_pixels", &MAX_PIXELS.to_string(), "-i"]);
        self.0.push(input.into());
    }

    fn picture(&mut self, plan: &Plan, settings: &Settings, encoder: Encoder, rung: &Rung, number: usize) {
        match encoder {
            Encoder::X264 => {
                let max = max_rate(settings, rung, plan.frame_rate);
                // CRF 0 is lossless, which High does not have.
                let crf = settings.cpu_crf.max(1).to_string();
                self.of_stream("-c", number, "libx264");
                self.of_stream("-preset", number, settings.cpu_preset.as_str());
                self.of_stream("-crf", number, &crf);
                self.of_stream("-maxrate", number, &max.to_string());
                self.of_stream("-bufsize", number, &(max * 2).to_string());
                self.of_stream("-profile", number, "high");
                self.of_stream("-sc_threshold", number, "0");
                self.of_stream("-forced-idr", number, "1");
            }
            Encoder::Nvenc => {
                let best = plan.rungs.first().unwrap_or(rung);
                let pixels = |rung: &Rung| f64::from(rung.width) * f64::from(rung.height);
                self.nvenc(settings, (pixels(rung) / pixels(best)).powf(0.8), number);
            }
        }
        let beyond = (plan.frame_rate * BEYOND_A_SEGMENT).ceil().max(1.0);
        self.of_stream("-g", number, &format!("{beyond:.0}"));
        self.of_stream("-force_key_frames", number, &key_frames(plan));
        self.of_stream("-fps_mode", number, "passthrough");
        if plan.preparation.rate.is_none() {
            // The times of the pictures as they are, not on a grid that a rate would make.
            self.of_stream("-enc_time_base", number, "1/90000");
        }
    }

    /// NVENC's options, with `share` of the settings' bit rates: they are meant for the best size.
    fn nvenc(&mut self, settings: &Settings, share: f64, number: usize) {
        let rate = |bits: u64| ((bits as f64 * share / 1000.0).round().max(100.0) as u64 * 1000).to_string();
        let max = rate(settings.nvenc_max_bitrate.bits());
        let buffer = rate(settings.nvenc_buffer_size.bits());
        // To NVENC, 0 is "choose yourself".
        let quality = settings.nvenc_cq.max(1).to_string();
        self.of_stream("-c", number, "h264_nvenc");
        self.of_stream("-gpu", number, &settings.gpu_device_id.to_string());
        self.of_stream("-preset", number, settings.nvenc_preset.as_str());
        self.of_stream("-tune", number, "hq");
        self.of_stream("-rc", number, settings.nvenc_rate_control.as_str());
        match settings.nvenc_rate_control {
            RateControl::Vbr => {
                self.of_stream("-cq", number, &quality);
                self.of_stream("-b", number, "0");
                self.of_stream("-maxrate", number, &max);
                self.of_stream("-bufsize", number, &buffer);
            }
            RateControl::Cbr => {
                self.of_stream("-b", number, &max);
                self.of_stream("-maxrate", number, &max);
                self.of_stream("-bufsize", number, &buffer);
            }
            RateControl::Constqp => self.of_stream("-qp", number, &quality),
        }
        self.of_stream("-profile", number, "high");
        self.of_stream("-no-scenecut", number, "1");
        self.of_stream("-forced-idr", number, "1");
        self.of_stream("-bf", number, "2");
        // GPUs before Turing refuse B-pictures as references.
        self.of_stream("-b_ref_mode", number, "disabled");
    }

    fn of_stream(&mut self, option: &str, number: usize, value: &str) {
        self.add([&format!("{option}:v:{number}"), value]);
    }

    fn map_sound(&mut self, plan: &Plan) {
        if let Some(audio) = plan.audio.filter(|_| plan.sound != Sound::None) {
            self.add(["-map", &format!("0:{audio}")]);
        }
    }

    fn sound(&mut self, plan: &Plan, settings: &Settings) {
        match plan.sound {
            Sound::None => {}
            Sound::Copy => self.add(["-c:a", "copy"]),
            Sound::Encode => {
                self.add(["-c:a", "aac", "-b:a", settings.audio_bitrate.as_str()]);
                self.add(["-ar", &plan.sample_rate.to_string()]);
                // From zero, with silence where there is a gap: sound that starts late stays in step.
                self.add(["-filter:a", "aresample=async=1:first_pts=0"]);
                if plan.downmix {
                    self.add(["-ac", "2"]);
                }
            }
        }
    }

    fn mp4_to(&mut self, output: &str) {
        self.add(["-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4", output]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
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
            list.contains("[s1]scale=1280:720:flags=bicubic:out_range=limited,setsar=1,format=yuv420p[v1]"),
            "{list}"
        );
        assert!(
            list.contains("-var_stream_map v:0,a:0,name:1080p v:1,a:1,name:720p v:2,a:2,name:480p v:3,a:3,name:360p "),
            "{list}"
        );
        for n in 0..4 {
            assert!(list.contains(&format!("-sc_threshold:v:{n} 0")), "{list}");
            assert!(
                list.contains(&format!("-g:v:{n} 300 -force_key_frames:v:{n} expr:gte(t+0.00001,n_forced*4)")),
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
        let vbr =
            settings(json!({"use_gpu_transcoding": true, "gpu_device_id": 3, "nvenc_preset": "p6", "nvenc_cq": 21,
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
            assert_eq!(list.matches("format=yuv420p[v").count(), 4, "{list}");
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
}
