//! The settings of a MediaConvert job, from the same ladder and the same choices as FFmpeg's arguments.
//!
//! Every rendition is an output group of its own, so that each has a folder; they are cut alike
//! all the same, for all come from one decode with key frames every four seconds and nowhere else.

use aws_sdk_mediaconvert::types as mc;
use clipset_core::{
    key::MediaKey,
    ladder::{Rung, max_rate, rungs},
    settings::{OutputFormat, Settings},
};

use super::source::Source;
use crate::{dispatch::Outputs, outputs::SEGMENT};

/// Seconds of a segment and of a GOP.
const SEGMENT_SECONDS: i32 = 4;

/// More pictures a second than this are too many for most players.
const HIGHEST_RATE: f64 = 60.5;

/// The bit rates that MediaConvert takes for AAC-LC of two channels at 48 kHz.
const AAC_RATES: [u64; 14] = [
    64_000, 80_000, 96_000, 112_000, 128_000, 160_000, 192_000, 224_000, 256_000, 288_000, 320_000, 384_000, 448_000,
    512_000,
];

/// The settings for `input`; `url` is the address of a key in the bucket.
pub(super) fn job(
    source: &Source,
    settings: &Settings,
    input: &str,
    outputs: Outputs,
    url: &dyn Fn(&str) -> String,
) -> mc::JobSettings {
    let rungs = rungs(source.shown, settings);
    let making = Making { source, settings };
    let mut groups = Vec::new();
    if settings.video_output_format == OutputFormat::Hls {
        for rung in &rungs {
            // One rendition stands without a folder.
            let folder = if rungs.len() == 1 { String::new() } else { format!("{}/", rung.name) };
            groups.push(making.hls(rung, &url(&format!("hls/{}/{folder}{SEGMENT}", outputs.hls))));
        }
    }
    if let Some(best) = rungs.first() {
        if settings.video_output_format == OutputFormat::Progressive || settings.progressive_fallback {
            groups.push(making.mp4(best, &url(&without_extension(&MediaKey::Progressive(outputs.progressive)))));
        }
        groups.push(making.poster(best, &url(&without_extension(&MediaKey::Poster(outputs.poster)))));
    }
    mc::JobSettings::builder()
        .timecode_config(mc::TimecodeConfig::builder().source(mc::TimecodeSource::Zerobased).build())
        .inputs(making.input(input))
        .set_output_groups(Some(groups))
        .build()
}

/// MediaConvert adds extensions itself.
fn without_extension(key: &MediaKey) -> String {
    let key = key.to_string();
    key.rsplit_once('.').map_or(key.clone(), |(stem, _)| stem.to_owned())
}

struct Making<'a> {
    source: &'a Source,
    settings: &'a Settings,
}

impl Making<'_> {
    fn input(&self, url: &str) -> mc::Input {
        let video = mc::VideoSelector::builder().rotate(mc::InputRotate::Auto).build();
        let input = mc::Input::builder()
            .file_input(url)
            .timecode_source(mc::InputTimecodeSource::Zerobased)
            .video_selector(video);
        if !self.source.sound {
            return input.build();
        }
        let sound = mc::AudioSelector::builder().default_selection(mc::AudioDefaultSelection::Default).build();
        input.audio_selectors(SOUND, sound).build()
    }

    fn hls(&self, rung: &Rung, destination: &str) -> mc::OutputGroup {
        let hls = mc::HlsGroupSettings::builder()
            .destination(destination)
            .directory_structure(mc::HlsDirectoryStructure::SingleDirectory)
            .output_selection(mc::HlsOutputSelection::ManifestsAndSegments)
            .segment_control(mc::HlsSegmentControl::SegmentedFiles)
            .segment_length(SEGMENT_SECONDS)
            .segment_length_control(mc::HlsSegmentLengthControl::GopMultiple)
            .min_segment_length(0)
            .codec_specification(mc::HlsCodecSpecification::Rfc6381)
            .manifest_duration_format(mc::HlsManifestDurationFormat::FloatingPoint)
            .manifest_compression(mc::HlsManifestCompression::None)
            .stream_inf_resolution(mc::HlsStreamInfResolution::Include)
            .build();
        let settings = mc::OutputGroupSettings::builder()
            .r#type(mc::OutputGroupType::HlsGroupSettings)
            .hls_group_settings(hls)
            .build();
        let container = mc::ContainerSettings::builder()
            .container(mc::ContainerType::M3U8)
            .m3u8_settings(mc::M3u8Settings::builder().build())
            .build();
        // The group's own playlist has the destination's name, so its one output needs another.
        let output = self.encoded(rung).name_modifier("_v").container_settings(container).build();
        mc::OutputGroup::builder().name(rung.name.to_string()).output_group_settings(settings).outputs(output).build()
    }

    fn mp4(&self, rung: &Rung, destination: &str) -> mc::OutputGroup {
        let front = mc::Mp4Settings::builder().moov_placement(mc::Mp4MoovPlacement::ProgressiveDownload).build();
        let container = mc::ContainerSettings::builder().container(mc::ContainerType::Mp4).mp4_settings(front).build();
        file_group("mp4", destination, self.encoded(rung).container_settings(container).build())
    }

    fn poster(&self, rung: &Rung, destination: &str) -> mc::OutputGroup {
        let capture = mc::FrameCaptureSettings::builder()
            .framerate_numerator(1)
            .framerate_denominator(1)
            .max_captures(1)
            .quality(80)
            .build();
        let codec = mc::VideoCodecSettings::builder()
            .codec(mc::VideoCodec::FrameCapture)
            .frame_capture_settings(capture)
            .build();
        let container = mc::ContainerSettings::builder().container(mc::ContainerType::Raw).build();
        let video = self.picture(rung, codec);
        let output = mc::Output::builder().container_settings(container).video_description(video).build();
        file_group("poster", destination, output)
    }

    fn encoded(&self, rung: &Rung) -> mc::builders::OutputBuilder {
        let output = mc::Output::builder().video_description(self.picture(rung, self.h264(rung)));
        if self.source.sound { output.audio_descriptions(self.aac()) } else { output }
    }

    /// By the short side alone: the other follows from the picture as it is shown, without bars.
    fn picture(&self, rung: &Rung, codec: mc::VideoCodecSettings) -> mc::VideoDescription {
        // Of what is marked as interlaced; the rest passes as it is.
        let deinterlacer = mc::Deinterlacer::builder()
            .algorithm(mc::DeinterlaceAlgorithm::Interpolate)
            .control(mc::DeinterlacerControl::Normal)
            .mode(mc::DeinterlacerMode::Deinterlace)
            .build();
        let prepared = mc::VideoPreprocessor::builder().deinterlacer(deinterlacer);
        let prepared = if self.source.high_dynamic_range {
            let to_709 =
                mc::ColorCorrector::builder().color_space_conversion(mc::ColorSpaceConversion::Force709).build();
            prepared.color_corrector(to_709)
        } else {
            prepared
        };
        let video = mc::VideoDescription::builder().codec_settings(codec).video_preprocessors(prepared.build());
        match rung.width < rung.height {
            true => video.width(rung.width as i32).build(),
            false => video.height(rung.height as i32).build(),
        }
    }

    fn h264(&self, rung: &Rung) -> mc::VideoCodecSettings {
        // CRF 17 is about quality 9, 23 about 7.
        let quality = ((44 - i32::from(self.settings.cpu_crf.get())) as f64 / 3.0).round().clamp(1.0, 10.0);
        let qvbr = mc::H264QvbrSettings::builder().qvbr_quality_level(quality as i32).build();
        let h264 = mc::H264Settings::builder()
            .rate_control_mode(mc::H264RateControlMode::Qvbr)
            .qvbr_settings(qvbr)
            .max_bitrate(max_rate(self.settings, rung, self.source.frame_rate.min(60.0)) as i32)
            .quality_tuning_level(mc::H264QualityTuningLevel::SinglePass)
            .codec_profile(mc::H264CodecProfile::High)
            .adaptive_quantization(mc::H264AdaptiveQuantization::Auto)
            .interlace_mode(mc::H264InterlaceMode::Progressive)
            .par_control(mc::H264ParControl::Specified)
            .par_numerator(1)
            .par_denominator(1)
            // Key frames at the cuts and nowhere else, each the begin of a closed GOP.
            .gop_size(SEGMENT_SECONDS.into())
            .gop_size_units(mc::H264GopSizeUnits::Seconds)
            .gop_closed_cadence(1)
            .scene_change_detect(mc::H264SceneChangeDetect::Disabled);
        let h264 = if self.source.frame_rate > HIGHEST_RATE {
            h264.framerate_control(mc::H264FramerateControl::Specified).framerate_numerator(60).framerate_denominator(1)
        } else {
            h264.framerate_control(mc::H264FramerateControl::InitializeFromSource)
        };
        mc::VideoCodecSettings::builder().codec(mc::VideoCodec::H264).h264_settings(h264.build()).build()
    }

    fn aac(&self) -> mc::AudioDescription {
        let wanted = self.settings.audio_bitrate.bits();
        let rate = AAC_RATES.into_iter().min_by_key(|rate| rate.abs_diff(wanted)).unwrap_or(192_000);
        let aac = mc::AacSettings::builder()
            .bitrate(rate as i32)
            .codec_profile(mc::AacCodecProfile::Lc)
            .coding_mode(mc::AacCodingMode::CodingMode20)
            .rate_control_mode(mc::AacRateControlMode::Cbr)
            .sample_rate(48_000)
            .build();
        let codec = mc::AudioCodecSettings::builder().codec(mc::AudioCodec::Aac).aac_settings(aac).build();
        mc::AudioDescription::builder().audio_source_name(SOUND).codec_settings(codec).build()
    }
}

/// The name by which outputs choose the sound.
const SOUND: &str = "Audio Selector 1";

fn file_group(name: &str, destination: &str, output: mc::Output) -> mc::OutputGroup {
    let file = mc::FileGroupSettings::builder().destination(destination).build();
    let settings = mc::OutputGroupSettings::builder()
        .r#type(mc::OutputGroupType::FileGroupSettings)
        .file_group_settings(file)
        .build();
    mc::OutputGroup::builder().name(name).output_group_settings(settings).outputs(output).build()
}
